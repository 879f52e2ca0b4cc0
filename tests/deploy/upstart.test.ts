import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { copyRelease, linkCurrent } from '../support/deploy/releases.ts';
import { repositoryPath } from '../support/deploy/render.ts';
import { PRODUCTION } from '../support/deploy/pm2.ts';
import { freePort } from '../support/redis-server.ts';

const FOLDER = repositoryPath('deploy/upstart');
const JOBS = readdirSync(FOLDER).filter((name) => name.endsWith('.conf'));
const SIGNALS = 'SIG(?:HUP|INT|QUIT|TERM|KILL|USR1|USR2|ABRT)';
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

  test('is respawned, but not for ever, and tells when it is ready', () => {
    expect(stanzasOf(job)).toContain('respawn');
    expect(only(job, 'respawn limit')).toMatch(/^\d+ \d+$/);
    expect(only(job, 'post-start exec')).toContain('/deploy/wait-ready.mjs http://127.0.0.1:3000/readyz');
  });
});

test('a bad configuration is not respawned', () => {
  expect(only('app.conf', 'normal exit')).toBe('78');
});

describe('the commands of app.conf, as Upstart would run them', () => {
  let host: string;
  let port: string;
  let main: ChildProcess | undefined;

  beforeAll(async () => {
    host = await mkdtemp(join(tmpdir(), 'upstart-host-'));
    port = String(await freePort());
    await copyRelease(host, '1.0.0');
    await linkCurrent(host, '1.0.0');
  });

  afterAll(async () => {
    main?.kill('SIGKILL');
    await rm(host, { recursive: true });
  });

  /** Starts what stands behind a stanza, with this host and port in place of the placeholders. */
  const start = (stanza: string, ...replaced: readonly (readonly [string, string])[]) => {
    const places = [...replaced, ['/srv/app', host], ['3000', port]] as const;
    const real = (text: string) => places.reduce((all, [from, to]) => all.replace(from, to), text);
    const [file = '', ...args] = real(only('app.conf', stanza)).split(' ');
    const env = { PATH: process.env.PATH, NODE_ENV: 'production', ...PRODUCTION, PORT: port };
    return spawn(file, args, { cwd: real(only('app.conf', 'chdir')), env, stdio: 'ignore' });
  };
  const codeOf = async (child: ChildProcess) => ((await once(child, 'exit')) as [number | null])[0];

  test('post-start fails while the app does not answer', async () => {
    expect(await codeOf(start('post-start exec', ['60', '1']))).toBe(1);
  });

  test('post-start ends when the app is ready, and the stop signal ends it with 0', async () => {
    main = start('exec');
    expect(await codeOf(start('post-start exec'))).toBe(0);
    const code = codeOf(main);
    main.kill(only('app.conf', 'kill signal') as NodeJS.Signals);
    expect(await code).toBe(0);
  });
});
