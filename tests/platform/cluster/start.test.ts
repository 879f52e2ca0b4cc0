import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AppCopy } from '../../support/app-copy.ts';
import { AppProcess } from '../../support/app-process.ts';
import { TEST_SECRET } from '../../support/config.ts';
import { until } from '../../support/deploy/until.ts';
import { freePort } from '../../support/redis-server.ts';

const PRODUCTION = { NODE_ENV: 'production', STORE: 'memory', SESSION_SECRETS: TEST_SECRET };
const SERVER = 'dist/server.js';
const CLUSTER = 'dist/cluster.js';
const ENTRIES = [SERVER, CLUSTER];

let copy: AppCopy;
const cleanUps: (() => unknown)[] = [];
beforeEach(async () => {
  copy = await AppCopy.create();
});
afterEach(async () => {
  for (const job of cleanUps.splice(0).reverse()) await job();
  await copy.remove();
});

/** Its working directory is another than the copy's. */
function start(env: Record<string, string> = {}, entry = SERVER): AppProcess {
  const app = new AppProcess(
    { CONTROL_SOCKET: copy.file('control.sock'), ...env },
    { entry: copy.file(entry) },
  );
  cleanUps.push(async () => {
    app.kill('SIGTERM');
    await app.exit();
  });
  return app;
}

async function occupy(host: string, port = 0): Promise<number> {
  const server = createServer();
  await listening(server, host, port);
  cleanUps.push(() => server.close());
  return (server.address() as AddressInfo | null)?.port ?? port;
}

/** A port that another process has is as good. */
async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  });
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('.env', () => {
  test.each(ENTRIES)(
    'lies beside the app, whatever the working directory is, and is named at the start: %s',
    async (entry) => {
      await copy.writeEnv('CACHE_MAX_MB=7\nLOG_LEVEL=debug\n');
      const app = start({}, entry);
      expect(await app.logged(/^listening/)).toMatchObject({ dotenv: copy.file('.env') });
    },
  );

  test('that is not there is named as well', async () => {
    expect(await start().logged(/^listening/)).toMatchObject({ dotenv: `none (no ${copy.file('.env')})` });
  });

  test.each(ENTRIES)('that can not be read keeps the app from starting: %s', async (entry) => {
    await mkdir(copy.file('.env'));
    const app = start({}, entry);
    expect(await app.exit()).toEqual({ code: 78, signal: null });
    expect(app.stderr).toMatch(/^config: \S+\/\.env is not a regular file.*\n$/);
    expect(app.stdout).toBe('');
  });

  test('with a name that nobody reads is started with a warning', async () => {
    await copy.writeEnv('SESSION_SECRET=abc\n');
    const line = await start().logged(/SESSION_SECRET /);
    expect(line).toMatchObject({ level: 'warn', msg: expect.stringContaining('is SESSION_SECRETS meant?') });
  });
});

describe('without HOST', () => {
  test.each(ENTRIES)(
    'only this machine reaches the app in development, and the start says so: %s',
    async (entry) => {
      const app = start({ HOST: '' }, entry);
      const { port, msg } = await app.logged(/^listening/);
      expect(msg).toMatch(/^listening on http:\/\/localhost:\d+ \(this machine only/);
      expect(await accepts('127.0.0.1', Number(port))).toBe(true);
      expect(await accepts('127.0.0.2', Number(port))).toBe(false);
    },
  );

  test.each(ENTRIES)('all addresses are listened to in production: %s', async (entry) => {
    const app = start({ ...PRODUCTION, HOST: '' }, entry);
    const { port, msg } = await app.logged(/^listening/);
    expect(msg).toMatch(/all addresses/);
    expect(await accepts('127.0.0.2', Number(port))).toBe(true);
  });
});

test.each([
  ['127.0.0.1', /^listening on http:\/\/localhost:\d+ \(this machine only/],
  ['::1', /^listening on http:\/\/localhost:\d+ \(this machine only/],
  ['127.0.0.2', /^listening on http:\/\/127\.0\.0\.2:\d+ \(this machine only/],
])('with HOST=%s the start names an address that answers', async (host, expected) => {
  const { msg } = await start({ HOST: host }).logged(/^listening/);
  expect(msg).toMatch(expected);
});

describe('in production', () => {
  const insecure = {
    ...PRODUCTION,
    SESSION_COOKIE_SECURE: 'off',
    ADMIN_HOST: '0.0.0.0',
    ADMIN_TOKEN: TEST_SECRET,
    DEBUG: 'none',
  };

  test.each(ENTRIES)('the start warns once of what is rarely meant: %s', async (entry) => {
    const app = start({ ...insecure, ADMIN_PORT: String(await freePort()) }, entry);
    await app.logged(/^listening/);
    const warnings = app.log.filter(
      ({ level, msg }) => level === 'warn' && String(msg).startsWith('config: '),
    );
    expect(warnings.map(({ msg }) => /^config: (\w+)/.exec(String(msg))?.[1])).toEqual([
      'SESSION_COOKIE_SECURE',
      'DEBUG',
      'ADMIN_HOST',
    ]);
  });

  test.each(['silent', 'fatal', 'error'])('LOG_LEVEL=%s does not swallow the warnings', async (LOG_LEVEL) => {
    const app = start({ ...insecure, LOG_LEVEL });
    // The last of them: each may come in a chunk of its own.
    const last = LOG_LEVEL === 'silent' ? 'LOG_LEVEL is silent' : 'DEBUG';
    await until('the warnings are on stderr', () => app.stderr.includes(`config: warning: ${last}`));
    expect(app.stderr).toContain('config: warning: SESSION_COOKIE_SECURE');
    expect(app.stderr.includes('config: warning: LOG_LEVEL is silent')).toBe(LOG_LEVEL === 'silent');
  });
});

describe('an address that is not available is named by its variable', () => {
  test.each<[string, (port: string) => Record<string, string>, RegExp]>([
    ['a taken port', (PORT) => ({ PORT }), /EADDRINUSE.*set PORT to another/],
    ['another host', () => ({ HOST: '192.0.2.1' }), /EADDRNOTAVAIL.*Set HOST to/],
    ['a host that does not resolve', () => ({ HOST: 'no-such-host.invalid' }), /HOST/],
    ['a taken port for metrics', (ADMIN_PORT) => ({ ADMIN_PORT }), /EADDRINUSE.*set ADMIN_PORT to another/],
    [
      'another host for metrics',
      (port) => ({
        ADMIN_PORT: String(Number(port) + 1),
        ADMIN_HOST: '192.0.2.1',
        ADMIN_TOKEN: TEST_SECRET,
      }),
      /EADDRNOTAVAIL.*Set ADMIN_HOST to/,
    ],
    ['a port beyond the last', () => ({ ADMIN_PORT: '65535', NODE_APP_INSTANCE: '1' }), /ADMIN_PORT/],
  ])('%s', async (_name, env, message) => {
    const app = start(env(String(await occupy('127.0.0.1'))));
    const { err } = await app.logged('could not start');
    expect((err as Error).message).toMatch(message);
    expect((await app.exit()).code).toBe(1);
  });

  test('in production the default port for metrics, too; in a cluster with exit code 3', async () => {
    await occupy('127.0.0.1', 9464);
    const app = start({ ...PRODUCTION, ADMIN_PORT: '' }, CLUSTER);
    const { err } = await app.logged('could not start');
    expect((err as Error).message).toMatch(/9464 \(EADDRINUSE\).*set ADMIN_PORT to another/);
    expect((await app.exit()).code).toBe(3);
  });
});

test.each(ENTRIES)(
  'in development a second app on this host gets a free port for its metrics: %s',
  async (entry) => {
    await occupy('127.0.0.1', 9464);
    const app = start({ ADMIN_PORT: '' }, entry);
    const { port, msg } = await app.logged(/^ADMIN_PORT 9464 is taken/);
    expect(msg).toContain(`http://localhost:${String(port)}/metrics`);
    await app.logged(/^listening/);
    expect((await fetch(`http://127.0.0.1:${String(port)}/metrics`)).status).toBe(200);
  },
);

test('a long TMPDIR, in which the control socket would be another, is refused', async () => {
  const TMPDIR = copy.file('t'.repeat(100));
  await mkdir(TMPDIR);
  const app = start({ TMPDIR, CONTROL_SOCKET: '' }, CLUSTER);
  expect((await app.exit()).code).toBe(78);
  expect(app.stderr).toMatch(/^config: CONTROL_SOCKET is a path of \d+ bytes.*\n$/);
});

test('several problems are one write: PM2 keeps only the first', async () => {
  await writeFile(
    copy.file('count.mjs'),
    'let writes = 0; const { write } = process.stderr; process.stderr.write = function (...args) { writes++; return write.apply(this, args); };\n' +
      "process.on('exit', () => console.log(`writes: ${writes}`));\n",
  );
  const app = new AppProcess(
    // PM2 replaces process.stderr.write, as this does, and gives each process its number.
    { NODE_ENV: 'production', NODE_APP_INSTANCE: '0' },
    {
      entry: copy.file(SERVER),
      nodeArgs: ['--import', copy.file('count.mjs')],
    },
  );
  expect((await app.exit()).code).toBe(78);
  expect(app.stderr.trim().split('\n')).toHaveLength(2);
  expect(app.stdout).toBe('writes: 1\n');
});
