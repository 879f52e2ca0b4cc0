import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sessionCookie } from '../../src/session.ts';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { documented } from '../support/deploy/documented.ts';
import { TEST_SECRET } from '../support/config.ts';
import { makeTestRelease, unpackRelease } from '../support/deploy/releases.ts';
import { SLOW_UPLOAD, startSlowUpload } from '../support/deploy/slow-upload.ts';
import { describeWithSystemd, SystemdMachine } from '../support/deploy/systemd.ts';
import { allAnswered, Visitors, VISITORS } from '../support/deploy/visitors.ts';

const UNITS = ['app.service', 'app.socket', 'app-pm2.service'];
const OLD = '1.0.0';
const NEW = '1.1.0';

/** A Redis that is away is no reason not to serve; with one in the configuration there may be several workers. */
const SETTINGS = 'REDIS_URL=redis://127.0.0.1:6379\nWEB_CONCURRENCY=2\nMAX_LOOP_DELAY_MS=0\n';

describeWithSystemd('systemd', (pm2Commands) => {
  let machine: SystemdMachine;
  let visitors: Visitors | undefined;

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    await installApp(machine);
    await installPm2(machine, pm2Commands);
  }, 600_000);

  afterEach(async () => {
    visitors?.kill();
    visitors = undefined;
    await machine.in('systemctl', 'stop', 'app.socket', 'app.service', 'app-pm2.service');
    await machine.in('rm', '-rf', '/run/systemd/system/app.service.d');
    await machine.in('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'reset-failed');
    await writeSettings(machine);
    await switchTo(OLD);
  });

  afterAll(async () => {
    await machine.off();
  });

  const visit = async (path = '/livez') => {
    visitors = await Visitors.on(
      `http://127.0.0.1:3000${path}`,
      machine.command('node', '/srv/visitors.mjs'),
    );
    return visitors;
  };
  const switchTo = async (version: string) =>
    machine.in('sh', `/srv/app/releases/${version}/deploy/switch.sh`);
  const start = async (...units: string[]) => machine.in('systemctl', 'start', ...units);
  const primary = async () => Number(await machine.property('app', 'MainPID'));
  const serving = async () => (await machine.property('app', 'StatusText')) === '2/2 ready, serving';
  const servesWithout = async (dead: number) => {
    const now = await primary();
    return (
      now > 0 && now !== dead && (await machine.property('app', 'ActiveState')) === 'active' && serving()
    );
  };
  const get = async (path: string) => machine.in('curl', '--silent', `http://127.0.0.1:3000${path}`);
  /** Settings for one test: what the unit says, only shorter. */
  const shorten = async (...lines: string[]) => {
    const text = `[Service]\n${lines.join('\n')}\n`;
    await machine.in('mkdir', '-p', '/run/systemd/system/app.service.d');
    await machine.in('sh', '-c', `printf '%s' '${text}' > /run/systemd/system/app.service.d/test.conf`);
    await machine.in('systemctl', 'daemon-reload');
  };

  test('a host that was prepared twice has the user, and folders and settings with the right owners', async () => {
    const stat = async (...paths: string[]) =>
      (await machine.in('stat', '--format', '%n %U:%G %a', ...paths)).trim().split('\n');
    const before = await machine.in('cat', '/etc/app/app.env');
    await machine.in('chmod', '666', '/etc/app/app.env');
    await machine.in('chown', 'app:', '/srv/app', '/srv/app/releases');
    await machine.runAt('ssh root@example.com', documented('docs/releases.md', 'prepare-host.sh'));
    const folders = ['/srv/app', '/srv/app/releases', '/etc/app', '/etc/app/app.env', '/var/lib/app'];
    expect(await stat(...folders)).toEqual([
      '/srv/app root:root 755',
      '/srv/app/releases root:root 755',
      '/etc/app root:root 755',
      '/etc/app/app.env root:app 640',
      '/var/lib/app app:app 750',
    ]);
    expect(await machine.in('cat', '/etc/app/app.env')).toBe(before);
  });

  test('has nothing to say against the units', async () => {
    const units = UNITS.map((unit) => `/etc/systemd/system/${unit}`);
    const { stdout, stderr } = await machine.run('systemd-analyze', 'verify', ...units);
    expect(stdout + stderr).toBe('');
  });

  test.each(UNITS.filter((unit) => unit.endsWith('.service')))(
    '%s is exposed by 1.5 at most',
    async (unit) => {
      const file = `/etc/systemd/system/${unit}`;
      const table = await machine.in('systemd-analyze', 'security', '--offline=true', '--no-pager', file);
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(table) ?? [];
      expect(Number(exposure)).toBeLessThanOrEqual(1.5);
      expect(Number(exposure)).toBeGreaterThan(0);
    },
  );

  test('the start ends when all workers are ready; none of them runs as root', async () => {
    await start('app');
    expect(await machine.property('app', 'StatusText')).toBe('2/2 ready, serving');
    expect(await get('/readyz')).toContain('"status":"degraded"');
    const processes = (await machine.in('ps', '-e', '-o', 'user:32=,args=')).split('\n');
    const ours = processes.filter((line) => line.includes('/srv/app/current/dist/'));
    expect(ours).toHaveLength(3);
    expect(ours.filter((line) => !line.startsWith('app '))).toEqual([]);
    expect(await machine.in('cat', '/run/app/app.pid')).toContain(String(await primary()));
  });

  test('a visitor logs in', async () => {
    await machine.write('/etc/app/app.env', 'STORE=memory\nWEB_CONCURRENCY=1\nTRUST_PROXY=loopback\n');
    await start('app');
    // As the proxy in front says it.
    const ask = async (...options: string[]) => {
      const args = ['--silent', '--include', '--header', 'X-Forwarded-Proto: https', ...options];
      return machine.in('curl', ...args, 'http://127.0.0.1:3000/api/session');
    };
    const login = JSON.stringify({ name: 'ada', password: PASSWORD });
    const answer = await ask('--header', 'Content-Type: application/json', '--data', login);
    const [, cookie = ''] = /^set-cookie: (.*?);/im.exec(answer) ?? [];
    expect(cookie.split('=', 1)).toEqual([`__Host-${sessionCookie.name}`]);
    expect(await ask('--cookie', cookie)).toContain('"name":"ada"');
    expect(await ask()).toContain('401 Unauthorized');
  });

  test('a reload after `current` was switched rolls to the new release and back, and no request fails', async () => {
    await start('app');
    const before = await primary();
    const load = await visit('/version.txt');
    for (const version of [NEW, OLD]) {
      await switchTo(version);
      await machine.in('systemctl', 'reload', 'app');
      await load.answers(version);
      await machine.until('the reload is over', async () => {
        return (await machine.property('app', 'ActiveState')) === 'active' && (await serving());
      });
      expect(await get('/version.txt')).toBe(version);
    }
    const counts = await load.stop();
    expect(counts).toMatchObject(allAnswered(counts));
    expect(await primary()).toBe(before);
  }, 120_000);

  test('a release that does not start is not rolled to: the reload ends, and the old one goes on', async () => {
    await start('app');
    await machine.in('cp', '-r', `/srv/app/releases/${OLD}`, '/srv/app/releases/bad');
    await machine.write('/srv/app/releases/bad/dist/server.js', 'throw new Error("bad release");');
    await machine.in('ln', '-sfn', 'releases/bad', '/srv/app/current');
    await machine.in('systemctl', 'reload', 'app');
    await machine.until('the reload is over', async () => {
      return (await machine.journal('app')).includes('bad release') && (await serving());
    });
    expect(await get('/version.txt')).toBe(OLD);
    expect(await machine.property('app', 'ActiveState')).toBe('active');
    await machine.in('rm', '-rf', '/srv/app/releases/bad');
  });

  test('a primary that is killed is started again', async () => {
    await start('app');
    const before = await primary();
    await machine.in('kill', '-KILL', String(before));
    await machine.until('it serves again', () => servesWithout(before));
    expect(await machine.property('app', 'NRestarts')).toBe('1');
    expect(await get('/livez')).toContain('ok');
  });

  test('a primary that hangs is noticed by the watchdog and started again', async () => {
    await shorten('WatchdogSec=3');
    await start('app');
    const before = await primary();
    // Longer than the watchdog's patience: it is fed.
    await sleep(5000);
    expect(await primary()).toBe(before);
    await machine.in('kill', '-STOP', String(before));
    await machine.until('it serves again', () => servesWithout(before));
    expect(await machine.journal('app')).toContain('Watchdog timeout');
  });

  test('a stop answers what is in flight, and ends in time', async () => {
    await start('app');
    const upload = await startSlowUpload(3000, machine.command('node', '/srv/slow-upload.mjs'));
    const stopped = machine.in('systemctl', 'stop', 'app');
    await sleep(1500);
    expect(await upload.finish()).toMatch(/^HTTP\/1\.1 4\d\d /);
    await stopped;
    expect(await machine.property('app', 'Result')).toBe('success');
    expect(await machine.property('app', 'ExecMainStatus')).toBe('0');
  });

  test('a bad configuration is not tried again, and the journal names the variable', async () => {
    await writeSettings(machine, 'PORT=a port\n');
    expect((await machine.run('systemctl', 'start', 'app')).code).not.toBe(0);
    await sleep(3000);
    expect(await machine.property('app', 'ActiveState')).toBe('failed');
    expect(await machine.property('app', 'ExecMainStatus')).toBe('78');
    expect(await machine.property('app', 'NRestarts')).toBe('0');
    expect(await machine.journal('app')).toContain('config: PORT ');
  });

  test('with the socket unit, restarts and reloads under load refuse and reset nobody', async () => {
    await start('app.socket');
    await start('app');
    const load = await visit();
    for (let round = 0; round < 4; round++) {
      await machine.in('systemctl', 'restart', 'app');
      await load.more(50);
    }
    const before = await machine.in('systemctl', 'status', 'app', '--lines', '0');
    await machine.in('systemctl', 'reload', 'app');
    await machine.until('the reload is over', async () => {
      return (await serving()) && (await machine.in('systemctl', 'status', 'app', '--lines', '0')) !== before;
    });
    await load.more(50);
    const counts = await load.stop();
    expect(counts).toMatchObject(allAnswered(counts));
  }, 120_000);

  test('without the socket unit the app listens itself, and a bad configuration has no socket to close', async () => {
    await machine.in('mv', '/etc/systemd/system/app.socket', '/root/');
    try {
      await machine.in('systemctl', 'daemon-reload');
      await start('app');
      expect(await get('/livez')).toContain('ok');
      await machine.write('/etc/app/app.env', `${SETTINGS}PORT=a port\n`);
      expect((await machine.run('systemctl', 'restart', 'app')).code).not.toBe(0);
      expect(await machine.journal('app')).not.toContain('app.socket');
    } finally {
      await machine.in('mv', '/root/app.socket', '/etc/systemd/system/');
      await machine.in('systemctl', 'daemon-reload');
    }
  });

  describe('with new settings', () => {
    const checkAndRestart = async (settings: string) => {
      await machine.write('/etc/app/app.env', settings);
      return machine.run('sh', '-ec', documented('deploy/systemd/README.md', 'dist/doctor.js'));
    };

    test.each([
      ['PORT', 'STORE=memory\nPORT=a port\n'],
      ['SESSION_IDLE_MINUTES', 'STORE=memory\nSESSION_IDLE_MINUTES=0\n'],
      ['Redis', 'REDIS_URL=redis://127.0.0.1:6379\n'],
    ])(
      '%s: the doctor finds what is wrong, and the app goes on without a restart',
      async (name, settings) => {
        await start('app');
        const before = await primary();
        const load = await visit();
        const { code, stdout } = await checkAndRestart(settings);
        expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(`^error: .*${name}`) });
        await load.more(50);
        const counts = await load.stop();
        expect(counts).toMatchObject(allAnswered(counts));
        expect(await primary()).toBe(before);
      },
    );

    test('good ones are taken, and no request fails', async () => {
      await start('app');
      const before = await primary();
      const load = await visit();
      expect(await checkAndRestart('STORE=memory\nLOG_LEVEL=warn\n')).toMatchObject({ code: 0 });
      await load.more(50);
      const counts = await load.stop();
      expect(counts).toMatchObject(allAnswered(counts));
      expect(await primary()).not.toBe(before);
    });
  });

  describe('with the socket unit, when the app does not start', () => {
    /** One client, in a connection of its own; what curl says to it. */
    const visitor = async () =>
      machine.run('curl', '--silent', '--max-time', '20', 'http://127.0.0.1:3000/livez');
    const states = async () =>
      [
        await machine.property('app.socket', 'ActiveState'),
        await machine.property('app', 'ActiveState'),
      ].join(' ');
    const badStarts = async () => (await machine.journal('app')).split('status=78/CONFIG').length - 1;
    const setting = async (line: string) => machine.write('/etc/app/app.env', `${SETTINGS}${line}\n`);
    const down = async (expected = 'inactive failed') =>
      machine.until(`socket and service are ${expected}`, async () => (await states()) === expected, 60);
    /** The one command of the README. */
    const startAgain = async () =>
      machine.in('sh', '-ec', documented('deploy/systemd/README.md', 'systemctl reset-failed app'));
    const expectService = async () => {
      expect(await states()).toBe('active active');
      expect(await serving()).toBe(true);
      // The app has its port from the socket unit.
      expect(await machine.property('app.socket', 'SubState')).toBe('running');
      expect(await get('/livez')).toContain('ok');
    };

    test.each([
      'PORT=a port',
      'REDIS_URL=http://127.0.0.1:6379',
      'SESSION_IDLE_MINUTES=0',
      'SESSION_SECRETS_FILE=/does/not/exist',
      'STORE=redis\nREDIS_URL=',
    ])('%j: the first client ends it, no other starts it again, and one command does', async (line) => {
      await start('app.socket');
      const before = await badStarts();
      await setting(line);
      for (let count = 0; count < 3; count++) expect((await visitor()).code).not.toBe(0);
      await down();
      await Promise.all(Array.from({ length: 40 }, visitor));
      await down();
      expect(await badStarts()).toBe(before + 1);
      await setting('');
      await startAgain();
      await expectService();
    });

    test('many clients at the same time start it once', async () => {
      await start('app.socket');
      const before = await badStarts();
      await setting('PORT=a port');
      const outcomes = await Promise.all(Array.from({ length: 40 }, visitor));
      expect(outcomes.map(({ code }) => code)).not.toContain(0);
      await down();
      expect(await badStarts()).toBe(before + 1);
      await setting('');
      await startAgain();
      await expectService();
    });

    test('a restart with a bad setting fails and closes the port, and one command opens it', async () => {
      await start('app');
      await setting('PORT=a port');
      const load = await visit();
      expect((await machine.run('systemctl', 'restart', 'app')).code).not.toBe(0);
      await machine.until('clients are refused', () => Promise.resolve(load.counts.refused > 20));
      await down();
      await setting('');
      await startAgain();
      await expectService();
      await load.more(50);
    });

    test.each([
      ['a secret that is not there', '/etc/app/session-secrets'],
      ['a release that lacks a file', `/srv/app/releases/${OLD}/dist/cluster.js`],
    ])('%s: it is down after ten starts, and one command starts it again at once', async (_reason, file) => {
      await shorten('RestartSec=100ms');
      await start('app.socket');
      await machine.in('mv', file, '/root/moved');
      const clients = Promise.all(Array.from({ length: 3 }, visitor));
      await down('failed failed');
      await clients;
      expect((await visitor()).code).not.toBe(0);
      await machine.in('mv', '/root/moved', file);
      await startAgain();
      await expectService();
    });

    test('a socket unit that was stopped alone is opened again by a restart', async () => {
      await start('app');
      await machine.in('systemctl', 'stop', 'app.socket');
      await startAgain();
      await expectService();
    });
  });

  describe('with PM2 as the service', () => {
    beforeEach(async () => {
      // The unit has no credential: the app reads the secret from .env.
      await writeSettings(machine, `SESSION_SECRETS=${TEST_SECRET}\n`);
      await start('app-pm2');
    });

    const pm2 = async () => Number(await machine.property('app-pm2', 'MainPID'));

    test('the start ends when the app is ready, and a reload fails no request', async () => {
      expect(await get('/readyz')).toContain('"status":"degraded"');
      const load = await visit('/version.txt');
      await switchTo(NEW);
      await machine.in('systemctl', 'reload', 'app-pm2');
      await load.answers(NEW);
      const counts = await load.stop();
      expect(counts).toMatchObject(allAnswered(counts));
      expect(await machine.journal('app-pm2')).toContain('"msg":"drained"');
    });

    test('PM2 is started again when it is killed', async () => {
      const before = await pm2();
      await machine.in('kill', '-KILL', String(before));
      await machine.until('it serves again', async () => {
        const now = await pm2();
        const state = await machine.property('app-pm2', 'ActiveState');
        return now > 0 && now !== before && state === 'active';
      });
      expect(await get('/livez')).toContain('ok');
    });

    test('a stop answers what is in flight, and ends in time', async () => {
      const upload = await startSlowUpload(3000, machine.command('node', '/srv/slow-upload.mjs'));
      const stopped = machine.in('systemctl', 'stop', 'app-pm2');
      await sleep(1500);
      expect(await upload.finish()).toMatch(/^HTTP\/1\.1 4\d\d /);
      await stopped;
      expect(await machine.property('app-pm2', 'Result')).toBe('success');
    });
  });
});

async function installPm2(machine: SystemdMachine, bin: string): Promise<void> {
  const modules = machine.path('/usr/lib/node_modules');
  await rm(modules, { recursive: true, force: true });
  await cp(join(bin, '..'), modules, { recursive: true, verbatimSymlinks: true });
  for (const name of ['pm2', 'pm2-runtime']) {
    await machine.in('ln', '-sf', `../lib/node_modules/pm2/bin/${name}`, `/usr/bin/${name}`);
  }
}

/** As the README has it: the app's group reads it. */
async function writeSettings(machine: SystemdMachine, more = ''): Promise<void> {
  await machine.write('/etc/app/app.env', SETTINGS + more, 0o640);
  await machine.in('chgrp', 'app', '/etc/app/app.env');
}

/** What the pages tell to do on a new host. */
async function installApp(machine: SystemdMachine): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'releases-'));
  await machine.in('rm', '-rf', '/srv/app', '/etc/app', '/var/lib/app');
  await machine.run('userdel', 'app');
  await machine.runAt('ssh root@example.com', documented('docs/releases.md', 'prepare-host.sh'));
  for (const version of [OLD, NEW]) {
    const tarball = await makeTestRelease(version, folder);
    await unpackRelease(tarball, machine.path('/srv/app'), version);
  }
  await rm(folder, { recursive: true });
  await machine.in('sh', `/srv/app/releases/${OLD}/deploy/switch.sh`);
  await machine.in('sh', '-ec', documented('deploy/systemd/README.md', '# install'));
  await writeSettings(machine);
  for (const file of [VISITORS, SLOW_UPLOAD]) await cp(file, machine.path(`/srv/${basename(file)}`));
  // Its unit is installed by those who use PM2.
  await machine.in('cp', '/srv/app/current/deploy/systemd/app-pm2.service', '/etc/systemd/system/');
  await machine.in('systemctl', 'daemon-reload');
}
