import { readFileSync } from 'node:fs';
import { cp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TEST_SECRET } from '../support/config.ts';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { documented } from '../support/deploy/documented.ts';
import { describeWithHosts, Hosts } from '../support/deploy/hosts.ts';
import { Load } from '../support/deploy/load.ts';
import { makeTestRelease, repack } from '../support/deploy/releases.ts';
import type { SystemdMachine } from '../support/deploy/systemd.ts';

/** Of the package, and so of its releases. */
const { name: NAME } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
};
const OLD = '1.0.0';
const NEW = '1.1.0';
/** On no host. */
const BIG = '1.3.0';
/** Ends at its start. */
const BAD = '1.2.0';
const CURRENT = '/srv/app/current';

describeWithHosts('deploy/ansible', () => {
  let hosts: Hosts;
  let load: Load | undefined;

  beforeAll(async () => {
    hosts = await Hosts.up();
    await makeReleases(hosts.folder.path);
    await writeFile(hosts.folder.join('app.env'), settings());
    await writeFile(hosts.folder.join('session-secrets'), TEST_SECRET);
    await succeed(documentedHere('../prepare-host.sh'));
    await succeed(documentedHere('dest=/etc/app/session-secrets'));
    await succeed(`ansible-playbook deploy.yml -e version=${OLD}`);
  }, 600_000);

  beforeEach(async () => {
    for (const host of both()) {
      if ((await current(host)) !== OLD) await switchByHand(host, OLD);
    }
  }, 120_000);

  afterEach(() => load?.kill());

  afterAll(async () => {
    await hosts.down();
  }, 120_000);

  const both = () => [hosts.app1, hosts.app2];
  const succeed = async (commandLine: string) => {
    const { code, stdout, stderr } = await hosts.ansible(commandLine);
    if (code !== 0) throw new Error(`${commandLine}: exit code ${code}\n${stdout}\n${stderr}`);
    return stdout;
  };
  /** What a playbook says that has to fail. */
  const fail = async (commandLine: string) => {
    const { code, stdout, stderr } = await hosts.ansible(commandLine);
    expect({ code, stdout }).not.toMatchObject({ code: 0 });
    return stdout + stderr;
  };
  /** A paragraph of the README, with the files for the hosts in the test's folder. */
  const documentedHere = (text: string) =>
    documented('deploy/ansible/README.md', text).replaceAll('src=/etc/app', `src=${hosts.folder.path}`);
  const settings = () =>
    [
      `REDIS_URL=${hosts.redisUrl}`,
      'WEB_CONCURRENCY=2',
      'MAX_LOOP_DELAY_MS=0',
      `TRUST_PROXY=${hosts.balancerAddress}`,
      'COMPRESSION=off\n',
    ].join('\n');
  /** A request to the balancer, on itself. */
  const curl = async (path: string, ...options: string[]) => {
    const tls = ['--cacert', '/etc/ssl/app/fullchain.pem', '--resolve', 'example.com:443:127.0.0.1'];
    return hosts.lb.in('curl', '--silent', ...tls, ...options, `https://example.com${path}`);
  };
  const primary = async (host: SystemdMachine) => host.property('app', 'MainPID');
  const serving = async () => {
    const releases = await Promise.all(both().map(current));
    const ready = await Promise.all(
      (['app1', 'app2'] as const).map(async (name) =>
        hosts.lb.run('curl', '--silent', '--fail', `http://${hosts.addressOf(name)}:3000/readyz`),
      ),
    );
    return releases.map((release, index) => (ready[index]?.code === 0 ? release : 'nothing'));
  };
  /** What HAProxy finds of each host. */
  const stats = async () => {
    const command = 'echo show stat | socat - UNIX-CONNECT:/run/haproxy/admin.sock';
    const rows = (await hosts.lb.in('sh', '-c', command)).split('\n').map((row) => row.split(','));
    return rows
      .filter(([proxy, name]) => proxy === 'app' && name !== 'BACKEND')
      .map((row) => `${row[1]} ${row[17]}`);
  };
  const inventory = () => hosts.folder.join('deploy/ansible/inventory.yml');
  const visit = async () => {
    load = new Load({ ...hosts.target, lanes: 8, pauseMs: 50, requests: [{ path: '/api/items/7' }] });
    await load.goOn(50);
    return load;
  };
  const expectNoneLost = async (under: Load) => {
    await under.goOn(50);
    const result = await under.stop();
    expect(result).toMatchObject({ failed: 0, failures: [] });
  };

  test('deploys to both hosts by reload under load, and no request fails', async () => {
    const before = await Promise.all(both().map(primary));
    const under = await visit();
    await succeed(`ansible-playbook deploy.yml -e version=${NEW}`);
    await expectNoneLost(under);
    expect(await serving()).toEqual([NEW, NEW]);
    expect(await Promise.all(both().map(primary))).toEqual(before);
  }, 300_000);

  test('goes back to the release before, by restart under load, and no request fails', async () => {
    for (const host of both()) await switchByHand(host, NEW);
    const before = await Promise.all(both().map(primary));
    const under = await visit();
    await succeed(`ansible-playbook rollback.yml -e version=${OLD} -e how=restart`);
    await expectNoneLost(under);
    expect(await serving()).toEqual([OLD, OLD]);
    for (const [index, host] of both().entries()) expect(await primary(host)).not.toBe(before[index]);
  }, 300_000);

  test('stops at the first host that fails, which gets its old release back, and no request fails', async () => {
    const untouched = await primary(hosts.app2);
    const under = await visit();
    const output = await fail(`ansible-playbook deploy.yml -e version=${BAD} -e how=restart`);
    await expectNoneLost(under);
    expect(output).toMatch(new RegExp(`app1: ${BAD} failed at "It is running"`));
    expect(output).toContain(`This host runs ${OLD} again.`);
    expect(output).toContain('bad release');
    expect(await serving()).toEqual([OLD, OLD]);
    expect(await primary(hosts.app2)).toBe(untouched);
    expect(await stats()).toEqual(['app1 UP', 'app2 UP']);
  }, 300_000);

  test('with a reload, the workers of the old release stay when the new ones do not start', async () => {
    const before = await primary(hosts.app1);
    const output = await fail(`ansible-playbook deploy.yml -e version=${BAD} --limit app1,lb,localhost`);
    expect(output).toContain(`This host runs ${OLD} again.`);
    expect(await serving()).toEqual([OLD, OLD]);
    expect(await primary(hosts.app1)).toBe(before);
  }, 300_000);

  test('restarts both hosts behind nginx with another secret, and no session and no request is lost', async () => {
    await hosts.useNginx();
    const before = await Promise.all(both().map(primary));
    const login = ['-H', 'Content-Type: application/json', '-d', `{"name":"ada","password":"${PASSWORD}"}`];
    const cookie = /^set-cookie: (.*?);/im.exec(await curl('/api/session', '--include', ...login))?.[1];
    const under = await visit();
    // The first one signs, both verify.
    await writeFile(hosts.folder.join('session-secrets'), `another-${TEST_SECRET},${TEST_SECRET}`);
    await succeed(documentedHere('dest=/etc/app/session-secrets'));
    await succeed('ansible-playbook restart.yml');
    await expectNoneLost(under);
    expect(await curl('/api/session', '--cookie', `${cookie}`)).toContain('"name":"ada"');
    for (const [index, host] of both().entries()) expect(await primary(host)).not.toBe(before[index]);
    expect(await hosts.lb.in('cat', '/etc/nginx/app/upstream.conf')).not.toMatch(/^ *server .* down;/m);
    await hosts.useHaproxy();
    await hosts.lb.until('HAProxy has both', async () => (await stats()).join() === 'app1 UP,app2 UP');
  }, 300_000);

  describe('changes nothing and reports it, if', () => {
    let pids: string[];
    beforeEach(async () => {
      pids = await Promise.all(both().map(primary));
    });
    const expectUnchanged = async () => {
      expect(await serving()).toEqual([OLD, OLD]);
      expect(await Promise.all(both().map(primary))).toEqual(pids);
      expect(await stats()).toEqual(['app1 UP', 'app2 UP']);
    };
    const deploy = `ansible-playbook deploy.yml -e version=${NEW}`;

    test('a host is down', async () => {
      await hosts.app2.off();
      const output = await fail(deploy);
      expect(output).toMatch(/fatal: \[app2\]: UNREACHABLE!/);
      expect(await current(hosts.app1)).toBe(OLD);
      expect(await primary(hosts.app1)).toBe(pids[0]);
      await hosts.app2.on();
      await hosts.app2.until('it serves', async () => (await serving())[1] === OLD);
      await hosts.app2.until('HAProxy has it', async () => (await stats())[1] === 'app2 UP');
    }, 120_000);

    test.each([
      ['has no balancer', ['balancer:', 'balancers:'], /at least one host in "app" and one in "balancer"/],
      ['is no YAML', ['children:', 'children'], /failed to parse inventory source/],
      ['has a host that HAProxy does not know', ['app1:', 'app3:'], /HAProxy has no server for app\/app3/],
    ] as const)(
      'the inventory %s',
      async (_, change, message) => {
        await cp(inventory(), `${inventory()}.saved`);
        hosts.folder.change('deploy/ansible/inventory.yml', change);
        const output = await fail(deploy);
        await rename(`${inventory()}.saved`, inventory());
        expect(output).toMatch(message);
        await expectUnchanged();
      },
      120_000,
    );

    test('an address in the inventory is that of another host', async () => {
      const output = await fail(`${deploy} -e app_address=${hosts.addressOf('app2')}:3000`);
      expect(output).toMatch(/app_address is .*:3000, but this host is /);
      await expectUnchanged();
    }, 120_000);

    test('the file with the secret is missing', async () => {
      await hosts.app2.in('mv', '/etc/app/session-secrets', '/root/');
      const output = await fail(deploy);
      await hosts.app2.in('mv', '/root/session-secrets', '/etc/app/');
      expect(output).toContain('/etc/app/session-secrets is missing or empty');
      await expectUnchanged();
    }, 120_000);

    test('a setting does not fit the release', async () => {
      await hosts.app2.in('sh', '-c', 'echo SESSION_IDLE_MINUTES=0 >> /etc/app/app.env');
      const output = await fail('ansible-playbook restart.yml');
      await hosts.app2.in('sed', '-i', '$d', '/etc/app/app.env');
      expect(output).toContain('SESSION_IDLE_MINUTES');
      await expectUnchanged();
    }, 120_000);

    test.each([
      ['deploy.yml -e version=9.9.9', new RegExp(`${NAME}-9\\.9\\.9\\.tgz`)],
      ['deploy.yml', /Which release\?/],
      ['rollback.yml -e version=9.9.9', /9\.9\.9 is not on this host\. It has: .*1\.0\.0/],
    ])(
      'there is no such release: %s',
      async (command, message) => {
        expect(await fail(`ansible-playbook ${command}`)).toMatch(message);
        await expectUnchanged();
      },
      120_000,
    );

    test('the host has another build of the version', async () => {
      const tarball = hosts.folder.join(`${NAME}-${OLD}.tgz`);
      const saved = `${tarball}.saved`;
      await rename(tarball, saved);
      await packBad(OLD, hosts.folder.path);
      const output = await fail(`ansible-playbook deploy.yml -e version=${OLD}`);
      await rename(saved, tarball);
      expect(output).toContain(`The host has another build of ${OLD}`);
      await expectUnchanged();
    }, 120_000);

    test('the release does not fit on the disk', async () => {
      const full = 'mount -t tmpfs -o size=20m tmpfs /srv/app/releases';
      await hosts.app2.in('sh', '-c', full);
      const output = await fail(`ansible-playbook deploy.yml -e version=${BIG}`);
      const left = await hosts.app2.in('ls', '-A', '/srv/app/releases');
      await hosts.app2.in('umount', '/srv/app/releases');
      expect(output).toContain('No space left on device');
      expect(left).toBe('');
      await expectUnchanged();
    }, 120_000);

    test('it would take the last host that serves out of the balancer', async () => {
      await hosts.app2.in('systemctl', 'stop', 'app.socket', 'app.service');
      await hosts.lb.until('HAProxy has noticed', async () => (await stats())[1] === 'app2 DOWN');
      const output = await fail(`ansible-playbook rollback.yml -e version=${OLD}`);
      expect(output).toContain('app1 is the only host that HAProxy finds up');
      expect(output).toContain('it was left as it is');
      expect(await primary(hosts.app1)).toBe(pids[0]);
      // The way out that the README gives: the other one first.
      await succeed(`ansible-playbook rollback.yml -e version=${OLD} --limit app2,lb,localhost`);
      expect(await serving()).toEqual([OLD, OLD]);
    }, 180_000);
  });
});

async function current(host: SystemdMachine): Promise<string> {
  return (await host.in('readlink', CURRENT)).trim().replace('releases/', '');
}

async function switchByHand(host: SystemdMachine, version: string): Promise<void> {
  await host.in('sh', `/srv/app/releases/${version}/deploy/switch.sh`);
  await host.in('systemctl', 'restart', 'app');
}

/** The tarballs. */
async function makeReleases(folder: string): Promise<void> {
  for (const version of [OLD, NEW, BIG]) await makeTestRelease(version, folder);
  await packBad(BAD, folder);
}

/** A whole tarball, with right checksums, of an app that ends at its start. */
async function packBad(version: string, folder: string): Promise<void> {
  await repack(await makeTestRelease(version, folder), version, (release) =>
    writeFile(join(release, 'dist/server.js'), 'throw new Error("bad release");'),
  );
}
