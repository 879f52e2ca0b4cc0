import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CONFIG_KEYS, inspectConfig, loadConfig } from '../../../src/config.ts';
import { ConfigError, loadControlSocket } from '../../../src/platform/config/index.ts';
import { TEST_SECRET as secret } from '../../support/config.ts';

const noFile = '/nonexistent/.env';
const production = { NODE_ENV: 'production', REDIS_URL: 'redis://127.0.0.1', SESSION_SECRETS: secret };

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-test-'));
});
afterAll(() => rm(directory, { recursive: true }));

const load = (env: Record<string, string> = {}) => loadConfig(env, noFile, '/nonexistent/secrets.json');

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('without any variable', () => {
  test('the defaults serve on port 3000 from memory', () => {
    expect(load()).toMatchObject({
      NODE_ENV: 'development',
      PORT: 3000,
      STORE: 'memory',
      TRUST_PROXY: false,
    });
  });

  test('the configuration is frozen', () => {
    expect(Object.isFrozen(load())).toBe(true);
  });

  test('listens on this machine only, except in production or where HOST is set', () => {
    expect(load().HOST).toBe('127.0.0.1');
    expect(load({ NODE_ENV: 'test' }).HOST).toBe('127.0.0.1');
    expect(load({ HOST: '' }).HOST).toBe('127.0.0.1');
    expect(load({ HOST: '0.0.0.0' }).HOST).toBe('0.0.0.0');
    expect(load(production).HOST).toBeUndefined();
  });

  test('a restart during development waits for nobody', () => {
    expect(load().LINGER_SECONDS).toBe(0);
    expect(load({ LINGER_SECONDS: '3' }).LINGER_SECONDS).toBe(3);
    expect(load({ NODE_ENV: 'test' }).LINGER_SECONDS).toBe(1);
    expect(load(production).LINGER_SECONDS).toBe(1);
  });
});

describe('the secrets of development', () => {
  const secretsOf = (file: string, env: Record<string, string> = {}) => {
    const { SESSION_SECRETS } = loadConfig(env, noFile, file);
    return { SESSION_SECRETS };
  };

  test('are kept in a file that only its owner reads', async () => {
    const file = join(directory, 'new', 'folder', 'secrets.json');
    const first = secretsOf(file);
    expect(first.SESSION_SECRETS[0]?.length).toBeGreaterThanOrEqual(32);
    expect(secretsOf(file)).toEqual(first);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test.each(['', '{', '{}', 'null', '{"sessionSecret":"short","demoPassword":""}'])(
    'are generated anew when the file holds %j',
    async (content) => {
      const file = join(directory, 'broken.json');
      await writeFile(file, content);
      const first = secretsOf(file);
      expect(first.SESSION_SECRETS[0]?.length).toBeGreaterThanOrEqual(32);
      expect(secretsOf(file)).toEqual(first);
    },
  );

  test('are of this process alone where no file can be written', () => {
    expect(secretsOf('/dev/null/secrets.json')).not.toEqual(secretsOf('/dev/null/secrets.json'));
  });

  test.each([production, { NODE_ENV: 'test' }])('are for development alone: no file with %j', async (env) => {
    const file = join(directory, 'none.json');
    secretsOf(file, { SESSION_SECRETS: secret, ...env });
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  test('give way to those that are given', () => {
    const given = { SESSION_SECRETS: secret };
    expect(secretsOf(join(directory, 'other.json'), given)).toEqual({ SESSION_SECRETS: [secret] });
  });
});

describe('a path of a Unix socket that Node would cut', () => {
  const path = (bytes: number) => `/${'s'.repeat(bytes - 1)}`;
  const max = process.platform === 'linux' ? 107 : 103;

  test('is refused as CONTROL_SOCKET', () => {
    expect(load({ CONTROL_SOCKET: path(max) }).CONTROL_SOCKET).toBe(path(max));
    const problem = expect.stringMatching(`^CONTROL_SOCKET is a path of ${max + 1} bytes`);
    expect(problemsOf({ CONTROL_SOCKET: path(max + 1) })).toEqual([problem]);
    expect(() => loadControlSocket({ CONTROL_SOCKET: path(max + 1) }, noFile)).toThrow('CONTROL_SOCKET');
  });

  test('is counted in bytes', () => {
    expect(problemsOf({ CONTROL_SOCKET: `/${'ß'.repeat(max / 2 + 1)}` })).toHaveLength(1);
  });

  test('is refused in REDIS_URL', () => {
    expect(problemsOf({ REDIS_URL: `unix://${path(max)}` })).toEqual([]);
    expect(problemsOf({ REDIS_URL: `unix://${path(max + 1)}` })).toEqual([
      expect.stringMatching(/^REDIS_URL is a path of \d+ bytes/),
    ]);
  });
});

describe('in production, what is allowed and rarely meant', () => {
  const warningsWith = (env: Record<string, string>) =>
    inspectConfig({ ...production, ADMIN_TOKEN: secret, ...env }, noFile).warnings;

  test.each([
    [{ SESSION_COOKIE_SECURE: 'off' }, 'SESSION_COOKIE_SECURE'],
    [{ DEBUG: 'express:*' }, 'DEBUG'],
    [{ LOG_LEVEL: 'silent' }, 'LOG_LEVEL'],
    [{ ADMIN_HOST: '0.0.0.0' }, 'ADMIN_HOST'],
    [{ ADMIN_HOST: '::' }, 'ADMIN_HOST'],
    [{ ADMIN_HOST: '10.0.0.1' }, 'ADMIN_HOST'],
    [{ ADMIN_HOST: 'fd00::1' }, 'ADMIN_HOST'],
    [{ ADMIN_HOST: 'metrics.internal' }, 'ADMIN_HOST'],
    [{ ADMIN_HOST: '127.0.0.1.example.com' }, 'ADMIN_HOST'],
  ])('%j gets one warning that names it', (env, name) => {
    expect(warningsWith(env)).toEqual([expect.stringMatching(`^${name} is `)]);
  });

  test.each([
    {},
    { ADMIN_HOST: 'localhost' },
    { ADMIN_HOST: '127.1.2.3' },
    { ADMIN_HOST: '::1' },
    { ADMIN_HOST: '::ffff:127.0.0.1' },
    { ADMIN_HOST: '0.0.0.0', ADMIN_PORT: '0' },
    { LOG_LEVEL: 'fatal' },
  ])('%j gets none', (env) => {
    expect(warningsWith(env)).toEqual([]);
  });

  test('all come at once, and none in development', () => {
    const env = { SESSION_COOKIE_SECURE: 'off', DEBUG: '*', LOG_LEVEL: 'silent', ADMIN_HOST: '::' };
    expect(warningsWith(env)).toHaveLength(4);
    expect(inspectConfig({ ...env, NODE_ENV: 'test' }, noFile).warnings).toEqual([]);
  });
});

describe('ADMIN_TOKEN', () => {
  const problemsWith = (env: Record<string, string>) =>
    inspectConfig({ ...production, ...env }, noFile).problems;

  test.each(['0.0.0.0', '10.0.0.1', '::'])('is needed in production with ADMIN_HOST=%s', (ADMIN_HOST) => {
    expect(problemsWith({ ADMIN_HOST })).toEqual([
      expect.stringMatching(/^ADMIN_TOKEN is missing.*openssl rand.*ADMIN_HOST=127\.0\.0\.1$/),
    ]);
    expect(problemsWith({ ADMIN_HOST, ADMIN_TOKEN: secret })).toEqual([]);
    expect(problemsWith({ ADMIN_HOST, ADMIN_PORT: '0' })).toEqual([]);
    expect(inspectConfig({ NODE_ENV: 'test', ADMIN_HOST }, noFile).problems).toEqual([]);
  });

  test('comes from a file, too', async () => {
    const file = join(directory, 'admin-token');
    await writeFile(file, `${secret}\n`);
    const report = inspectConfig({ ...production, ADMIN_HOST: '::', ADMIN_TOKEN_FILE: file }, noFile);
    expect(report).toMatchObject({
      problems: [],
      config: { ADMIN_TOKEN: secret },
      sources: { ADMIN_TOKEN: 'file' },
    });
  });

  test.each(['short', 'a'.repeat(32), `${secret} ${secret}`, 'abcabc'.repeat(8)])(
    'that is "%s" is refused, and not repeated',
    (ADMIN_TOKEN) => {
      const problems = problemsWith({ ADMIN_TOKEN });
      expect(problems).toEqual([expect.stringMatching(/^ADMIN_TOKEN .*openssl rand/)]);
      expect(problems[0]).not.toContain(ADMIN_TOKEN);
    },
  );
});

describe('where values come from', () => {
  test('is reported for each: the environment, .env, a file of its own, generated', async () => {
    const [dotenv, file] = [join(directory, 'some.env'), join(directory, 'port')];
    await writeFile(dotenv, 'LOG_LEVEL=debug\nHOST=127.0.0.1\n');
    await writeFile(file, '4000');
    const { sources } = inspectConfig({ HOST: '127.0.0.2', PORT_FILE: file, ADMIN_HOST: '' }, dotenv, noFile);
    expect(sources).toMatchObject({
      HOST: 'environment',
      LOG_LEVEL: '.env',
      PORT: 'file',
      SESSION_SECRETS: 'generated',
    });
    // Set to nothing, it has its default.
    expect(sources).not.toHaveProperty('ADMIN_HOST');
  });

  test('the environment wins over the .env file, and the file over the default', async () => {
    const file = join(directory, 'dotenv');
    await writeFile(file, 'PORT=4000\nLOG_LEVEL=debug\n');
    expect(loadConfig({ PORT: '5000' }, file)).toMatchObject({ PORT: 5000, LOG_LEVEL: 'debug' });
  });

  test('reading a .env file does not change the environment', async () => {
    const file = join(directory, 'dotenv-2');
    await writeFile(file, 'PORT=4000\n');
    const env = {};
    loadConfig(env, file);
    expect(env).toEqual({});
  });

  test('KEY_FILE names a file with the value, whose last newline does not count', async () => {
    const file = join(directory, 'secrets');
    await writeFile(file, `${secret}\n`);
    expect(load({ SESSION_SECRETS_FILE: file }).SESSION_SECRETS).toEqual([secret]);
  });

  test('a KEY_FILE that is not there is a problem that names the key', () => {
    expect(problemsOf({ REDIS_URL_FILE: '/nonexistent/url' })).toEqual([
      "REDIS_URL_FILE can't be read (ENOENT): check the path",
    ]);
  });

  test('KEY and KEY_FILE together are a problem', async () => {
    const file = join(directory, 'port');
    await writeFile(file, '4000');
    expect(problemsOf({ PORT: '1', PORT_FILE: file })).toEqual([
      'PORT and PORT_FILE are both set; keep one of them',
    ]);
  });

  test('an empty value counts as not set', () => {
    expect(load({ PORT: '', REDIS_URL: '' })).toMatchObject({ PORT: 3000, STORE: 'memory' });
  });

  test('.env.example lists every key of the schema, and no other', async () => {
    const example = await readFile(new URL('../../../.env.example', import.meta.url), 'utf8');
    const listed = [...example.matchAll(/^#([A-Z][A-Z0-9_]*)=/gm)].map(([, key]) => key);
    expect(new Set(listed.filter((key) => key !== 'USERS_FILE'))).toEqual(new Set(CONFIG_KEYS));
  });
});

describe('a wrong value', () => {
  test.each([
    [{ PORT: '70000' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '3000.5' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '0x10' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65535'],
    [{ NODE_ENV: 'prod' }, 'NODE_ENV must be one of: development, test, production'],
    [{ COMPRESSION: 'maybe' }, 'COMPRESSION must be on or off'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of: fatal, error, warn, info, debug, trace, silent'],
    [{ REDIS_KEY_PREFIX: 'a b' }, 'REDIS_KEY_PREFIX may have letters, digits and : . _ - only, 64 at most'],
    [{ STORE: 'redis' }, 'REDIS_URL is missing, and STORE=redis needs it: redis://127.0.0.1:6379'],
    [{ SESSION_SECRETS: ' , ' }, 'SESSION_SECRETS is an empty list'],
  ])('%j is one problem, with how to fix it', (env, problem) => {
    expect(problemsOf(env)).toEqual([problem]);
  });

  test.each(['https://shop.example/path', 'shop.example', 'https://user@shop.example', '*', 'null'])(
    'CORS_ORIGINS=%s is refused',
    (origin) => {
      expect(problemsOf({ CORS_ORIGINS: origin })).toHaveLength(1);
    },
  );

  test.each(['app:9464', 'http://app', 'user@app', 'app/metrics', '10.0.0.0/8', 'a b', '[::1]:80'])(
    'ADMIN_ALLOWED_HOSTS=%s is refused',
    (host) => {
      expect(problemsOf({ ADMIN_ALLOWED_HOSTS: host })).toHaveLength(1);
    },
  );

  test.each(['true', '10.0.0.0/0', '::/0', '10.0.0.0/33', 'everybody', '1.2.3.4/', '10.0.0.0/8/8', '100'])(
    'TRUST_PROXY=%s is refused, because it would believe anybody or nobody',
    (value) => {
      expect(problemsOf({ TRUST_PROXY: value })[0]).toMatch(/^TRUST_PROXY must be how many proxies/);
    },
  );

  test.each([
    ['off', false],
    ['0', false],
    ['2', 2],
    ['loopback', ['loopback']],
    ['10.0.0.0/8, fc00::/7, 192.0.2.1', ['10.0.0.0/8', 'fc00::/7', '192.0.2.1']],
  ])('TRUST_PROXY=%s is taken', (value, expected) => {
    expect(load({ TRUST_PROXY: value }).TRUST_PROXY).toEqual(expected);
  });

  test('all problems come at once, and none repeats a value', () => {
    const problems = problemsOf({
      PORT: 'sekrit',
      REDIS_URL: 'http://u:sekrit@h',
      SESSION_IDLE_MINUTES: 'sekrit',
    });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('sekrit');
  });
});

describe('production', () => {
  test('is content with a Redis and a long secret', () => {
    expect(load(production)).toMatchObject({
      STORE: 'redis',
      SESSION_COOKIE_SECURE: true,
      LOG_FORMAT: 'json',
    });
  });

  test('names what is missing, and how to make it', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      expect.stringMatching(/^REDIS_URL is missing\. Set it .* or set STORE=memory/),
      'SESSION_SECRETS is missing. Generate one with: openssl rand -base64 48',
    ]);
  });

  test('takes STORE=memory when it is set', () => {
    expect(load({ NODE_ENV: 'production', STORE: 'memory', SESSION_SECRETS: secret }).STORE).toBe('memory');
  });

  test('refuses a short secret anywhere in the list, and does not repeat it', () => {
    const problems = problemsOf({ ...production, SESSION_SECRETS: `${secret},sekrit` });
    expect(problems).toEqual([expect.stringMatching(/^SESSION_SECRETS has one shorter than 32 characters/)]);
    expect(problems[0]).not.toContain('sekrit');
  });

  test.each([
    ['one letter', 'x'.repeat(50)],
    ['two letters', 'ab'.repeat(20)],
    ['one letter and a tail', `${'s'.repeat(49)}1`],
    ['letters in groups', 'aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee'],
    ['ten digits', '0123456789'.repeat(4)],
    ['a word', 'changeme-'.repeat(5)],
    ['a few words', 'only-for-tests-'.repeat(3)],
    ['all hexadecimal digits, twice', '0123456789abcdef'.repeat(2)],
    ['the alphabet', 'abcdefghijklmnopqrstuvwxyz0123456789'],
    ['the alphabet backwards', '9876543210zyxwvutsrqponmlkjihgfedcba'],
    ['two rows in one', 'a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6'],
    ['one letter, beside a good secret', `${secret},${'x'.repeat(50)}`],
  ])('refuses a secret of %s, in production only, and does not repeat it', (_name, weak) => {
    const problems = problemsOf({ ...production, SESSION_SECRETS: weak });
    expect(problems).toEqual([expect.stringMatching(/^SESSION_SECRETS has one that can be guessed/)]);
    expect(problems[0]).not.toContain(weak.slice(-8));
    expect(load({ SESSION_SECRETS: weak }).SESSION_SECRETS.at(-1)).toBe(weak.split(',').at(-1));
  });

  test.each(['hex', 'base64', 'base64url'] as const)('takes random secrets in %s', (encoding) => {
    for (let tries = 0; tries < 1000; tries++) {
      const random = randomBytes(24).toString(encoding);
      expect(problemsOf({ ...production, SESSION_SECRETS: random })).toEqual([]);
    }
  });

  test('a wrong REDIS_URL is one problem, not also a missing one', () => {
    expect(problemsOf({ ...production, REDIS_URL: 'localhost' })).toHaveLength(1);
  });
});
