import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { inspectConfig } from '../../../src/config.ts';
import { loadControlSocket } from '../../../src/platform/config/index.ts';
import { TEST_SECRET as secret } from '../../support/config.ts';

const PRODUCTION = `NODE_ENV=production\nSTORE=memory\nSESSION_SECRETS=${secret}\n`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dotenv-'));
  file = join(folder, '.env');
});
afterEach(() => rm(folder, { recursive: true }));

const inspect = (env: Record<string, string> = {}) => inspectConfig(env, file, '/nonexistent/secrets.json');
const problemsOf = () => inspect().problems;
const utf16 = (text: string, bom: string) => Buffer.from(bom + text, 'utf16le');

describe('a .env file', () => {
  test('that does not exist is none', () => {
    expect(inspect()).toMatchObject({ problems: [], dotenv: { path: file, found: false }, files: [] });
  });

  test('is read, and its path is reported', async () => {
    await writeFile(file, PRODUCTION);
    expect(inspect()).toMatchObject({
      problems: [],
      config: { NODE_ENV: 'production' },
      dotenv: { path: file, found: true },
      files: [file],
    });
  });

  test.each<[string, string | Buffer]>([
    ['a byte order mark of UTF-8', `\u{feff}${PRODUCTION}`],
    ['line ends of Windows', PRODUCTION.replaceAll('\n', '\r\n')],
    ['letters beyond ASCII', `${PRODUCTION}# größe\n`],
  ])('may have %s', async (_name, content) => {
    await writeFile(file, content);
    expect(inspect()).toMatchObject({ problems: [], config: { NODE_ENV: 'production' } });
  });
});

describe('a .env that can not be read is a problem that names it', () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['a directory', () => mkdir(file), /is not a regular file/],
    ['a link to a directory', () => symlink(folder, file), /is not a regular file/],
    [
      'a link to nothing',
      () => symlink('/nonexistent/app.env', file),
      /is a link to a file that does not exist/,
    ],
    ['a link to itself', () => symlink(file, file), /can't be read \(ELOOP\)/],
    ['a pipe', () => Promise.resolve(execFileSync('mkfifo', [file])), /is not a regular file/],
    ['a device', () => symlink('/dev/zero', file), /is not a regular file/],
    ['UTF-16 with its mark', () => writeFile(file, utf16(PRODUCTION, '\u{feff}')), /is not UTF-8 text/],
    ['UTF-16 without', () => writeFile(file, utf16(PRODUCTION, '')), /is not UTF-8 text/],
    [
      'UTF-16, big-endian',
      () => writeFile(file, utf16(PRODUCTION, '\u{feff}').swap16()),
      /is not UTF-8 text/,
    ],
    ['Latin-1', () => writeFile(file, Buffer.from(`# größe\n${PRODUCTION}`, 'latin1')), /is not UTF-8 text/],
    ['NUL at its end', () => writeFile(file, `${PRODUCTION}\0`), /is not UTF-8 text/],
    ['nothing but NUL', () => writeFile(file, Buffer.alloc(4096)), /is not UTF-8 text/],
  ])('%s', async (_name, make, problem) => {
    await make();
    expect(problemsOf()).toEqual([expect.stringMatching(problem)]);
    expect(problemsOf()[0]).toContain(file);
    expect(problemsOf().join()).not.toContain(secret);
  });

  test('a socket', async () => {
    const server = createServer().listen(file);
    await once(server, 'listening');
    expect(problemsOf()).toEqual([expect.stringMatching(/is not a regular file/)]);
    server.close();
  });

  test('a file of another user', async () => {
    await writeFile(file, PRODUCTION);
    await chmod(file, 0);
    await chmod(folder, 0o755);
    const script = `
      import { readDotenvFile } from ${JSON.stringify(join(import.meta.dirname, '../../../src/platform/config/read-values.ts'))};
      if (process.getuid() === 0) process.setuid(65534);
      console.log(readDotenvFile(process.argv[1]).problem);
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script, file];
    const problem = execFileSync(process.execPath, args, { encoding: 'utf8' });
    expect(problem).toMatch(/\.env can't be read by this user \(EACCES\)/);
  });

  test('for the client of the control socket, too', async () => {
    await mkdir(file);
    expect(() => loadControlSocket({}, file)).toThrow('is not a regular file');
  });
});

test.each(['KEY_FILE is UTF-16', 'KEY_FILE has NUL'])('%s: refused', async (name) => {
  const path = join(folder, 'secret');
  await writeFile(path, name.endsWith('NUL') ? `${secret}\0` : utf16(secret, '\u{feff}'));
  expect(inspect({ SESSION_SECRETS_FILE: path }).problems).toEqual([
    'SESSION_SECRETS_FILE is not UTF-8 text',
  ]);
});

test.each<[string, () => unknown, RegExp]>([
  [
    'a pipe without a writer',
    () => execFileSync('mkfifo', [join(folder, 'secret')]),
    /can't be read \(ENOTFILE\)/,
  ],
  ['a directory', () => mkdir(join(folder, 'secret')), /can't be read \(EISDIR\)/],
])('a KEY_FILE that is %s is refused, and holds up nothing', async (_what, make, problem) => {
  await make();
  const { problems } = inspect({ SESSION_SECRETS_FILE: join(folder, 'secret') });
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

test('a KEY_FILE that is a character device is read', () => {
  expect(inspect({ LOG_LEVEL_FILE: '/dev/null' }).problems).toEqual([]);
});

test('a relative KEY_FILE in .env starts at the folder of .env', async () => {
  await writeFile(join(folder, 'port'), '4711');
  await writeFile(file, 'PORT_FILE=port\n');
  expect(inspect()).toMatchObject({ config: { PORT: 4711 }, files: [join(folder, 'port'), file] });
});

test.each([
  { DOTENV_CONFIG_OVERRIDE: 'true' },
  { DOTENV_CONFIG_PATH: '/nonexistent/other.env' },
  { DOTENV_CONFIG_ENCODING: 'utf16le' },
  { DOTENV_CONFIG_DOTENV_KEY: 'dotenv://:key_0@dotenvx.com/vault/.env.vault?environment=production' },
  { DOTENV_KEY: 'dotenv://:key_0@dotenvx.com/vault/.env.vault?environment=production' },
])("dotenv's own variables change nothing: %j", async (variables) => {
  await writeFile(file, 'PORT=1111\nLOG_LEVEL=debug\n');
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    const { config } = inspect({ ...variables, PORT: '2222' });
    expect(config).toMatchObject({ PORT: 2222, LOG_LEVEL: 'debug' });
  } finally {
    process.env = before;
  }
});

describe('a name in .env that looks like one of ours', () => {
  test.each([
    ['SESSION_SECRET', 'SESSION_SECRETS'],
    ['SESSION_SECERTS', 'SESSION_SECRETS'],
    ['SESSIONSECRETS', 'SESSION_SECRETS'],
    ['session_secrets', 'SESSION_SECRETS'],
    ['SESSION-SECRETS', 'SESSION_SECRETS'],
    ['SESSION_SECRET_FILE', 'SESSION_SECRETS_FILE'],
    ['REDIS_URI', 'REDIS_URL'],
    ['NODE_ENVIRONMENT', undefined],
    ['NODE_EVN', 'NODE_ENV'],
    ['Node_Env', 'NODE_ENV'],
    ['PORTS', 'PORT'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['TRUSTED_PROXY', 'TRUST_PROXY'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['DATABASE_URL', undefined],
    ['TZ', undefined],
    ['NODE_OPTIONS', undefined],
    ['PORT', undefined],
    ['PORT_FILE', undefined],
  ])('%s gets a warning: %s', async (name, meant) => {
    await writeFile(file, `${name}=${name.startsWith('PORT') ? '' : 'secret value'}\n`);
    const expected = meant === undefined ? [] : [`${name} in ${file} is not read: is ${meant} meant?`];
    expect(inspect().warnings).toEqual(expected);
  });
});
