import { execFile } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { fileFindings, limitFindings } from '../../../src/platform/doctor/checks.ts';
import { endOfLife } from '../../../src/platform/doctor/node-releases.ts';
import { AppCopy } from '../../support/app-copy.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { TEST_SECRET } from '../../support/config.ts';
import { RedisServer } from '../../support/redis-server.ts';

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { check: string; level: string; message: string }[];
}

const SECRET = 'a-Secret-of-48-letters-which-nobody-guesses-0123';
const PRODUCTION = { NODE_ENV: 'production', STORE: 'memory', SESSION_SECRETS: SECRET };

let copy: AppCopy;
beforeEach(async () => {
  copy = await AppCopy.create();
});
afterEach(() => copy.remove());

async function doctor(env: Record<string, string> = {}, ...args: string[]) {
  const options = { cwd: '/', env: { PATH: process.env.PATH, ...env } };
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [copy.file('dist/doctor.js'), ...args], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

/** Without what this machine's Node and limits are told. */
async function examine(env: Record<string, string> = {}) {
  const { code, stdout } = await doctor(env, '--json');
  const { ok, findings } = JSON.parse(stdout) as Report;
  const ours = findings.filter(({ check }) => check !== 'node' && check !== 'limits');
  return { code, ok, findings: ours.map(({ check, level, message }) => `${level}: ${check}: ${message}`) };
}

describe('npm run doctor', () => {
  test('finds nothing against a sound configuration', async () => {
    expect(await examine(PRODUCTION)).toEqual({ code: 0, ok: true, findings: [] });
  });

  test('prints one line per finding, never a secret, and exits with 1 when one is an error', async () => {
    const { code, stdout } = await doctor({
      NODE_ENV: 'production',
      PORT: 'sekrit',
      SESSION_SECRETS: 'sekrit',
    });
    expect(code).toBe(1);
    const lines = stdout.trim().split('\n');
    expect(lines).toEqual(lines.map(() => expect.stringMatching(/^(?:error|warning): \w+: \S.*$/)));
    expect(lines.slice(0, 3)).toEqual([
      expect.stringMatching(/^error: config: PORT /),
      expect.stringMatching(/^error: config: REDIS_URL is missing/),
      expect.stringMatching(/^error: config: SESSION_SECRETS /),
    ]);
    expect(stdout).not.toContain('sekrit');
  });

  test('reports what the start would warn of, which is no error unless --strict', async () => {
    const env = {
      ...PRODUCTION,
      SESSION_COOKIE_SECURE: 'off',
      LOG_LEVEL: 'silent',
      DEBUG: '*',
      ADMIN_HOST: '::',
      ADMIN_TOKEN: TEST_SECRET,
    };
    const { code, findings } = await examine(env);
    expect(findings).toEqual([
      expect.stringMatching(/^warning: config: SESSION_COOKIE_SECURE/),
      expect.stringMatching(/^warning: config: DEBUG/),
      expect.stringMatching(/^warning: config: ADMIN_HOST/),
      expect.stringMatching(/^warning: config: LOG_LEVEL/),
    ]);
    expect(code).toBe(0);
    expect((await doctor(env, '--strict')).code).toBe(1);
  });

  test('checks for production with any NODE_ENV, and reports another one', async () => {
    expect((await examine()).findings).toEqual([
      expect.stringMatching(/^error: config: REDIS_URL/),
      expect.stringMatching(/^error: config: SESSION_SECRETS/),
      expect.stringMatching(/^warning: config: NODE_ENV is not production here/),
    ]);
  });

  test('reads .env beside the app, and finds that it can not be read', async () => {
    await mkdir(copy.file('.env'));
    const { code, findings } = await examine(PRODUCTION);
    expect(code).toBe(1);
    expect(findings[0]).toMatch(/^error: config: .*\.env is not a regular file/);
  });

  test.each([
    ['a link to itself', '.env', '.env'],
    ['a link to nothing', 'nowhere', '.env'],
    ['a path through a file', 'dist/server.js/x', '.env'],
  ])('still reports when .env is %s', async (_what, target, name) => {
    await symlink(target, copy.file(name));
    const { code, ok, findings } = await examine(PRODUCTION);
    expect({ code, ok }).toEqual({ code: 1, ok: false });
    expect(findings).toEqual([expect.stringMatching(/^error: config: .*\.env /)]);
  });

  test('still reports when a KEY_FILE can not be looked at', async () => {
    await symlink('loop', copy.file('loop'));
    for (const file of ['loop', 'dist/server.js/x']) {
      const { code, findings } = await examine({ ...PRODUCTION, LOG_LEVEL_FILE: copy.file(file) });
      expect(code).toBe(1);
      expect(findings).toEqual([expect.stringMatching(/^error: config: LOG_LEVEL_FILE can't be read/)]);
    }
  });

  test.each(['--jsno', 'all', '--json=yes'])('%s is wrong usage: 2', async (argument) => {
    const { code, stdout, stderr } = await doctor(PRODUCTION, argument);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('npm run doctor');
  });
});

describe('file permissions', () => {
  test.each([
    [0o644, 1],
    [0o604, 1],
    [0o660, 1],
    [0o602, 1],
    [0o666, 1],
    [0o640, 0],
    [0o600, 0],
    [0o400, 0],
  ])('of .env and of a KEY_FILE with mode %o: %i finding each', async (mode, count) => {
    await writeFile(copy.file('.env'), 'SESSION_SECRETS_FILE=secret\n');
    await writeFile(copy.file('secret'), SECRET);
    for (const name of ['.env', 'secret']) await chmod(copy.file(name), mode);
    const { code, findings } = await examine({ NODE_ENV: 'production', STORE: 'memory' });
    expect(code).toBe(count);
    expect(findings.filter((line) => line.startsWith(`error: files: ${copy.file('.env')} is`))).toHaveLength(
      count,
    );
    expect(
      findings.filter((line) => line.startsWith(`error: files: ${copy.file('secret')} is`)),
    ).toHaveLength(count);
  });

  test('of a file that is gone are none of its concern', () => {
    expect(fileFindings(copy.file('gone'))).toEqual([]);
  });
});

test('few open files are a warning', () => {
  expect(limitFindings(1024)).toMatchObject([{ check: 'limits', level: 'warning' }]);
  expect(limitFindings(4096)).toEqual([]);
  expect(limitFindings(Infinity)).toEqual([]);
});

test.each([
  ['20.20.0', '2026-05-01', /no security fixes since 2026-04-30/],
  ['20.20.0', '2026-04-01', /from 2026-04-30 on/],
  ['20.20.0', '2026-01-01', /^$/],
  ['24.1.0', '2026-05-01', /^$/],
  ['99.0.0', '2040-01-01', /^$/],
])('Node.js %s at %s: %s', (version, date, expected) => {
  const message = endOfLife(version, new Date(date));
  expect(message ?? '').toMatch(expected);
});

test('a Redis that is not there is an error', async () => {
  const { code, findings } = await examine({
    ...PRODUCTION,
    STORE: 'redis',
    REDIS_URL: 'redis://u:sekrit@127.0.0.1:1',
  });
  expect(code).toBe(1);
  expect(findings).toEqual([expect.stringMatching(/^error: redis: .*ECONNREFUSED/)]);
  expect(findings.join()).not.toContain('sekrit');
});

describeWithRedisServer('doctor with a Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  const withUrl = (REDIS_URL: string) =>
    examine({ NODE_ENV: 'production', SESSION_SECRETS: SECRET, REDIS_URL });

  test('that is fit gives no finding, and keeps no key', async () => {
    expect(await withUrl(`${redis.url}/1`)).toEqual({ code: 0, ok: true, findings: [] });
  });

  test('that has no such database is an error', async () => {
    const { code, findings } = await withUrl(`${redis.url}/99`);
    expect(code).toBe(1);
    expect(findings).toEqual([expect.stringMatching(/^error: redis: .*DB index is out of range/)]);
  });

  test('that refuses the login is an error', async () => {
    const { findings } = await withUrl(redis.url.replace('redis://', 'redis://nobody:sekrit@'));
    expect(findings).toEqual([expect.stringMatching(/^error: redis: .*WRONGPASS/)]);
  });
});
