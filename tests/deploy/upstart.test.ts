import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { copyRelease, linkCurrent } from '../support/deploy/releases.ts';
import { repositoryPath } from '../support/deploy/render.ts';
import { PRODUCTION } from '../support/deploy/pm2.ts';
import { freePort } from '../support/redis-server.ts';

const FOLDER = repositoryPath('deploy/upstart');
const JOBS = readdirSync(FOLDER).filter((name) => name.endsWith('.conf'));
const SIGNALS = 'SIG(?:HUP|INT|QUIT|TERM|KILL|USR1|USR2|ABRT|CONT)';
const LIMITS = 'as|core|cpu|data|fsize|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|sigpending|stack';

/**
 * The stanzas of init(5) and what may stand behind each, for system jobs of Upstart 1.4 and later.
 *
 * @see https://manpages.ubuntu.com/manpages/trusty/en/man5/init.5.html
 */
const STANZAS: readonly RegExp[] = [
  /^(?:start|stop) on \S.*$/,
  /^manual$/,
  /^(?:(?:pre|post)-(?:start|stop) )?exec \S.*$/,
  /^(?:(?:pre|post)-(?:start|stop) )?script$/,
  /^end script$/,
  /^env \w+(?:=\S*|="[^"]*")?$/,
  /^export(?: \w+)+$/,
  /^respawn$/,
  /^respawn limit (?:unlimited|\d+ \d+)$/,
  new RegExp(`^normal exit(?: \\d+| ${SIGNALS})+$`),
  new RegExp(`^(?:kill|reload) signal ${SIGNALS}$`),
  /^kill timeout \d+$/,
  /^expect (?:fork|daemon|stop)$/,
  /^task$/,
  /^instance \S+$/,
  /^(?:description|author|version|usage) "[^"]*"$/,
  /^emits(?: \S+)+$/,
  /^console (?:log|none|output|owner)$/,
  /^umask 0?[0-7]{3}$/,
  /^nice -?\d+$/,
  /^oom score (?:-?\d+|never)$/,
  /^(?:chroot|chdir) \/\S*$/,
  new RegExp(`^limit (?:${LIMITS}) (?:\\d+|unlimited) (?:\\d+|unlimited)$`),
  /^set[ug]id [a-z][\w-]*$/,
  /^apparmor (?:load|switch) \S+$/,
  /^cgroup \S.*$/,
];

/** The stanzas of a job, comments and blank lines left out. */
function stanzasOf(job: string): string[] {
  const lines = readFileSync(join(FOLDER, job), 'utf8').split('\n');
  return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
}

/** What stands behind the only stanza that begins so. */
function only(job: string, beginning: string): string {
  const found = stanzasOf(job).filter((stanza) => stanza.startsWith(`${beginning} `));
  if (found.length !== 1) throw new Error(`${job} has ${found.length} times "${beginning}"`);
  return (found[0] ?? '').slice(beginning.length + 1);
}

describe.each(JOBS)('%s', (job) => {
  test('has only stanzas of init(5)', () => {
    expect(stanzasOf(job).filter((stanza) => !STANZAS.some((pattern) => pattern.test(stanza)))).toEqual([]);
  });

  test('says nothing twice', () => {
    const names = stanzasOf(job).map(
      (stanza) => (/^(?:env \w+|limit \w+|[a-z-]+(?: [a-z]+)?)/.exec(stanza) ?? [''])[0],
    );
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('runs one main process, which neither forks away nor hides behind a shell', () => {
    const stanzas = stanzasOf(job);
    // Upstart gives a line with any of these characters to a shell, and would then watch the shell.
    expect(only(job, 'exec')).not.toMatch(/[~`!$^&*()=|\\{}[\];"'<>?]/);
    expect(stanzas.filter((stanza) => /^(?:expect|script|task|pre-stop)\b/.test(stanza))).toEqual([]);
  });

  test('comes and goes with the runlevels, as a user without rights', () => {
    expect(only(job, 'start on')).toBe('runlevel [2345]');
    expect(only(job, 'stop on')).toBe('runlevel [016]');
    expect([only(job, 'setuid'), only(job, 'setgid')]).toEqual(['app', 'app']);
    expect(stanzasOf(job)).toContain('env NODE_ENV=production');
  });

  test('is respawned, but not forever, and reports when it is ready', () => {
    expect(stanzasOf(job)).toContain('respawn');
    // A try of the app takes some 2 s, one of PM2 some 12 s: within the interval the limit can be reached.
    expect(only(job, 'respawn limit')).toBe(job === 'app.conf' ? '10 60' : '10 300');
    expect(only(job, 'post-start exec')).toContain('/deploy/wait-ready.mjs http://127.0.0.1:3000/readyz');
  });
});

test('a bad configuration is not respawned', () => {
  expect(only('app.conf', 'normal exit')).toBe('78');
});

describe('the commands of app.conf, as Upstart would run them', () => {
  let host: string;
  let port: string;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    host = await mkdtemp(join(tmpdir(), 'upstart-host-'));
    port = String(await freePort());
    await copyRelease(host, '1.0.0');
    await linkCurrent(host, '1.0.0');
  });

  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  afterAll(async () => {
    await rm(host, { recursive: true });
  });

  /** As Upstart runs the processes of a job: each the leader of a session, with the name of the job in its environment. */
  const run = (file: string, args: readonly string[], env: Record<string, string> = {}, detached = true) => {
    const all = {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      UPSTART_JOB: 'app',
      ...PRODUCTION,
      PORT: port,
      ...env,
    };
    const cwd = only('app.conf', 'chdir').replace('/srv/app', host);
    const child = spawn(file, args, { cwd, env: all, detached, stdio: ['ignore', 'ignore', 'pipe'] });
    running.push(child);
    return child;
  };
  /** Runs what stands behind a stanza, with this host and port in place of the placeholders. */
  const start = (stanza: string, env?: Record<string, string>, seconds = '60') => {
    const places = [
      ['60', seconds],
      ['/srv/app', host],
      ['3000', port],
    ] as const;
    const line = places.reduce((all, [from, to]) => all.replace(from, to), only('app.conf', stanza));
    const [file = '', ...args] = line.split(' ');
    return run(file, args, env);
  };
  /** A process that does nothing until it is ended. */
  const idle = (env?: Record<string, string>, detached?: boolean) =>
    run(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], env, detached);
  const end = async (child: ChildProcess) => {
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stderr };
  };

  test('post-start waits for a main process that runs, and fails when it is not ready in time', async () => {
    idle();
    const { code, stderr } = await end(start('post-start exec', {}, '1'));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('was not ready within 1 s'),
    });
  });

  test('post-start ends when the app is ready, and the stop signal ends it with 0', async () => {
    const main = start('exec');
    expect((await end(start('post-start exec'))).code).toBe(0);
    const ended = end(main);
    main.kill(only('app.conf', 'kill signal') as NodeJS.Signals);
    expect((await ended).code).toBe(0);
  });

  describe('post-start gives up before its time when the main process', () => {
    const expectGivesUp = async (postStart: ChildProcess) => {
      const { code, stderr } = await end(postStart);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining('main process has ended'),
      });
    };

    test('has never been there', () => expectGivesUp(start('post-start exec')));

    test('ends with a bad configuration', async () => {
      const main = end(start('exec', { PORT: 'a port' }));
      await expectGivesUp(start('post-start exec'));
      expect((await main).code).toBe(78);
    });

    test('is killed while post-start waits', async () => {
      const main = idle();
      const postStart = start('post-start exec');
      const givesUp = expectGivesUp(postStart);
      main.kill('SIGKILL');
      await givesUp;
    });

    test('has ended, but a process that it has forked, and another job, have not', async () => {
      idle({}, false);
      idle({ UPSTART_JOB: 'other' });
      await expectGivesUp(start('post-start exec'));
    });
  });

  test('outside Upstart it only waits', async () => {
    const { stderr } = await end(start('post-start exec', { UPSTART_JOB: '' }, '1'));
    expect(stderr).toContain('was not ready within 1 s');
  });
});
