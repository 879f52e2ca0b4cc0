import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { AdminAccess } from '../../../src/platform/observability/admin-access.ts';
import { createAdminServer } from '../../../src/platform/observability/admin.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { Operations } from '../../../src/platform/operations/index.ts';
import { act, AdminStream, askAdmin, type AdminRequest } from '../../support/admin.ts';
import { testConfig } from '../../support/config.ts';
import { LogLines } from '../../support/http.ts';
import { until } from '../../support/until.ts';

const TOKEN = 'only-for-tests-9b1f-4c22-88ad-07e5';
const jobs: (() => unknown)[] = [];
afterEach(async () => {
  for (const job of jobs.splice(0).reverse()) await job();
});

interface Page {
  readonly port: number;
  readonly host: string;
  readonly server: Server;
  readonly log: LogLines;
  readonly operations: Operations;
  readonly done: (readonly [action: string, ...args: string[]])[];
  ask: (path: string, options?: AdminRequest) => ReturnType<typeof askAdmin>;
}

/** The page of an app that does not exist. */
async function open(run: (action: string) => unknown = () => ({ done: true }), env = {}): Promise<Page> {
  const config = testConfig({ LOG_LEVEL: 'info', ADMIN_TOKEN: TOKEN, ...env });
  const log = new LogLines();
  const done: Page['done'] = [];
  const access = new AdminAccess(TOKEN);
  const operations = await Operations.open({
    config,
    logger: createLogger(config, log),
    sources: { ADMIN_TOKEN: 'environment' },
    access,
    mode: 'cluster',
    maxWorkers: 4,
    unavailable: { scale: 'Not here.' },
    fleet: () => ({ state: 'serving', generation: 1, target: 0, ready: 0, workers: [] }),
    run: (action, args) => {
      done.push([action, ...args]);
      return run(action);
    },
  });
  const metrics = { contentType: 'text/plain', metrics: () => Promise.resolve('some_metric 1\n') };
  const server = createAdminServer(metrics, config, access, operations.handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  jobs.push(async () => {
    operations.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const host = `localhost:${port}`;
  const ask: Page['ask'] = (path, { headers, ...options } = {}) =>
    askAdmin(port, path, { ...options, headers: { Host: host, ...headers } });
  return { port, host, server, log, operations, done, ask };
}

const bearer = { Authorization: `Bearer ${TOKEN}` };
const json = { 'Content-Type': 'application/json' };

/** What a browser sends that is logged in, from our own page. */
async function browser({ ask, host }: Page) {
  const { headers } = await ask(`/login?token=${TOKEN}`);
  const cookie = headers['set-cookie']?.[0] ?? '';
  const own = { Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-origin' };
  return { cookie, headers: { Cookie: cookie.split(';', 1)[0] ?? '', ...own } };
}

describe('without the token', () => {
  test.each(['/events', '/actions/reload', '/files/x', '/logout', '/nothing', '/events/', '/__proto__'])(
    '%s is 401 and says nothing of the app',
    async (path) => {
      const { ask } = await open();
      const { status, text } = await ask(path);
      expect(status).toBe(401);
      expect(text).toMatch(/Log in first/);
    },
  );

  test('the page is a form for it', async () => {
    const { ask } = await open();
    const { status, text, headers } = await ask('/');
    expect(status).toBe(401);
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(text).toContain('<form method="post" action="/login">');
    expect(text).not.toContain(TOKEN);
  });

  test('files of the page are served, and no others', async () => {
    const { ask } = await open();
    expect((await ask('/page/index.html')).status).toBe(200);
    for (const path of [
      '/page/',
      '/page/..%2f..%2fpackage.json',
      '/page/../../package.json',
      '/page/%00',
      '/page/a/b',
    ])
      expect([path, [401, 404].includes((await ask(path)).status)]).toEqual([path, true]);
  });

  test('/metrics is open on loopback, and not elsewhere', async () => {
    const local = await open();
    expect((await local.ask('/metrics')).text).toBe('some_metric 1\n');
    const remote = await open(undefined, { ADMIN_HOST: '0.0.0.0' });
    const refused = await remote.ask('/metrics');
    expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(refused.text).not.toContain('some_metric');
    expect((await remote.ask('/metrics', { headers: bearer })).text).toBe('some_metric 1\n');
    const wrong = { Authorization: 'Bearer wrong' };
    expect((await remote.ask('/metrics', { headers: wrong })).status).toBe(401);
  });
});

describe('a login', () => {
  test('by link or form sets a cookie without the token, for this host and no other site', async () => {
    const page = await open();
    const link = await page.ask(`/login?token=${TOKEN}`);
    const form = await page.ask('/login', {
      method: 'POST',
      // A browser sends this origin with a form of a page whose referrer policy is no-referrer.
      headers: { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' },
      body: `token=${TOKEN}`,
    });
    for (const { status, headers } of [link, form]) {
      expect(status).toBe(303);
      expect(headers.location).toBe('/');
      const [cookie = ''] = headers['set-cookie'] ?? [];
      expect(cookie).toMatch(
        new RegExp(`^operations-${page.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
      );
      expect(cookie).not.toContain(TOKEN);
      const shown = await page.ask('/', { headers: { Cookie: cookie.split(';', 1)[0] ?? '' } });
      expect(shown.status).toBe(200);
    }
    expect(JSON.stringify(page.log.lines)).not.toContain(TOKEN);
  });

  test('ends at the next start, and by logging out', async () => {
    const before = await browser(await open());
    const { ask } = await open();
    const value = before.headers.Cookie.split('=')[1] ?? '';
    const cookie = `operations-80=${value}`;
    expect((await ask('/', { headers: { Host: 'localhost', Cookie: cookie } })).status).toBe(401);
    const page = await open();
    const now = await browser(page);
    const { status, headers } = await page.ask('/logout', { method: 'POST', headers: now.headers });
    expect(status).toBe(303);
    expect(headers['set-cookie']?.[0]).toMatch(/=; .*Max-Age=0$/);
  });

  test('with a wrong token is refused, after ten of them with 429, and the right one always gets in', async () => {
    const { ask, log } = await open();
    for (let count = 0; count < 10; count++)
      expect((await ask(`/login?token=guess-${count}`)).status).toBe(401);
    const limited = await ask('/login?token=guess-11');
    expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
    expect((await ask('/events', { headers: { Authorization: 'Bearer x' } })).status).toBe(429);
    expect(log.lines.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(10);
    expect((await ask(`/login?token=${TOKEN}`)).status).toBe(303);
  });

  test('from another page is refused before it counts', async () => {
    const { ask } = await open();
    for (let count = 0; count < 20; count++) {
      const headers = { 'Sec-Fetch-Site': count % 2 ? 'cross-site' : 'same-site' };
      expect((await ask('/login?token=guess', { headers })).status).toBe(403);
    }
    expect((await ask(`/login?token=${TOKEN}`)).status).toBe(303);
  });

  test('failures are forgotten after a minute, and a bounded number of addresses is kept', () => {
    const access = new AdminAccess(TOKEN);
    for (let count = 0; count < 10; count++) access.checkToken('x', 'one', 0);
    expect(access.checkToken('a guess', 'one', 59_000)).toBe('limited');
    expect(access.checkToken(TOKEN, 'one', 59_000)).toBe('right');
    expect(access.checkToken(TOKEN, 'two', 59_000)).toBe('right');
    expect(access.checkToken('a guess', 'one', 60_001)).toBe('wrong');
    for (let count = 0; count < 10; count++) access.checkToken('x', 'one', 70_000);
    for (let count = 0; count < 2000; count++) access.checkToken('x', `other-${count}`, 70_000);
    expect(access.checkToken('a guess', 'one', 70_000)).toBe('wrong');
  });

  test('each start has a token of its own, of 256 bits', () => {
    const [one, other] = [new AdminAccess(), new AdminAccess()];
    expect(one.token).not.toBe(other.token);
    expect(Buffer.from(one.token, 'base64url')).toHaveLength(32);
  });
});

describe('every response', () => {
  test.each(['/', '/page/index.html', '/events/x', '/login', '/nothing'])(
    '%s has the headers that keep others out',
    async (path) => {
      const { ask } = await open();
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
          "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      );
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );

  test.each(['evil.example', 'localhost.evil.example', '10.0.0.5'])(
    'is refused for Host %s',
    async (host) => {
      const { ask } = await open();
      for (const path of ['/', '/events', '/page/index.html', `/login?token=${TOKEN}`, '/metrics'])
        expect((await ask(path, { headers: { ...bearer, Host: host } })).status).toBe(421);
    },
  );
});

describe('an action', () => {
  const body = '{"level":"info"}';

  test('is done for our own page, and for a program with the token', async () => {
    const page = await open();
    const { headers } = await browser(page);
    const own = await page.ask('/actions/log-level', {
      method: 'POST',
      headers: { ...headers, ...json },
      body,
    });
    expect(JSON.parse(own.text)).toEqual({ ok: true, result: { done: true } });
    expect(await act(page.port, TOKEN, 'recycle', { slot: 3 })).toEqual({
      status: 200,
      ok: true,
      result: { done: true },
    });
    expect(page.done).toEqual([
      ['log-level', 'info'],
      ['recycle', '3'],
    ]);
    await page.log.waitForLine(
      ({ msg, action, outcome, remote }) =>
        msg === 'operations: action' &&
        action === 'recycle' &&
        outcome === undefined &&
        remote === '127.0.0.1',
    );
    await page.log.waitForLine(
      ({ msg, action, outcome }) =>
        msg === 'operations: action ended' && action === 'recycle' && outcome === 'done',
    );
  });

  test.each([
    ['another origin', { Origin: 'http://evil.example' }],
    ['another port of this host', { Origin: 'http://localhost:3000', 'Sec-Fetch-Site': 'same-site' }],
    ['another port, an old browser', { Origin: 'http://localhost:3000', 'Sec-Fetch-Site': undefined }],
    ['an unknown origin', { Origin: 'null' }],
    ['no origin', { Origin: undefined }],
    ['no site', { 'Sec-Fetch-Site': undefined }],
    ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a navigation', { 'Sec-Fetch-Site': 'none' }],
  ])('with the cookie and %s is refused', async (_what, more: Record<string, string | undefined>) => {
    const page = await open();
    const { headers } = await browser(page);
    const all: Record<string, string | undefined> = { ...headers, ...json, ...more };
    const given = Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    const sent = { method: 'POST', headers: Object.fromEntries(given) as Record<string, string>, body };
    const { status, text } = await page.ask('/actions/log-level', sent);
    expect(status).toBe(403);
    expect(JSON.parse(text)).toEqual({ ok: false, error: expect.stringContaining('Refused') });
    expect(page.done).toEqual([]);
  });

  test('of a page elsewhere that has the token is refused, too', async () => {
    const page = await open();
    const headers = { ...bearer, ...json, Origin: 'http://evil.example' };
    expect((await page.ask('/actions/reload', { method: 'POST', headers, body: '{}' })).status).toBe(403);
  });

  test.each([
    ['GET', json, '', 405],
    ['PUT', json, body, 405],
    ['OPTIONS', json, '', 405],
    ['POST', { 'Content-Type': 'text/plain' }, body, 415],
    ['POST', { 'Content-Type': 'application/x-www-form-urlencoded' }, body, 415],
    ['POST', {}, body, 415],
    ['POST', json, '{', 400],
    ['POST', json, '[]', 400],
    ['POST', json, 'null', 400],
    ['POST', json, `{"level":"${'x'.repeat(4096)}"}`, 413],
  ])('by %s with %j and %s is refused', async (method, headers, sent, expected) => {
    const { ask, done } = await open();
    const { status } = await ask('/actions/log-level', {
      method,
      headers: { ...bearer, ...headers },
      body: sent,
    });
    expect(status).toBe(expected);
    expect(done).toEqual([]);
  });

  test.each(['stop', 'status', 'admin', '__proto__', 'constructor', '', 'reload/x'])(
    '"%s" is none: 404',
    async (name) => {
      const { ask, done } = await open();
      const sent = { method: 'POST', headers: { ...bearer, ...json }, body: '{}' };
      expect((await ask(`/actions/${name}`, sent)).status).toBe(404);
      expect(done).toEqual([]);
    },
  );

  test('that is not available, or fails, has a sentence', async () => {
    const { port, done } = await open(() => {
      throw new Error('the reload was aborted: a bug');
    });
    expect(await act(port, TOKEN, 'scale', { count: 2 })).toMatchObject({ status: 409, error: 'Not here.' });
    expect(done).toEqual([]);
    expect(await act(port, TOKEN, 'reload')).toMatchObject({
      status: 200,
      ok: false,
      error: 'the reload was aborted: a bug',
    });
  });

  test('that makes a file lets that one be downloaded, and no other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'operations-'));
    jobs.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'made.cpuprofile'), 'x'.repeat(300_000));
    await writeFile(join(folder, 'secret'), 'secret');
    const { ask, port } = await open(() => ({ file: join(folder, 'made.cpuprofile') }));
    expect((await ask('/files/made.cpuprofile', { headers: bearer })).status).toBe(404);
    expect(await act(port, TOKEN, 'cpu-profile', { slot: 0 })).toMatchObject({
      result: { file: 'made.cpuprofile' },
    });
    const { status, text, headers } = await ask('/files/made.cpuprofile', { headers: bearer });
    expect([status, text.length]).toEqual([200, 300_000]);
    expect(headers['content-disposition']).toBe('attachment; filename="made.cpuprofile"');
    for (const name of ['secret', '..%2fsecret', '%2e%2e/secret', 'made.cpuprofile%00'])
      expect([name, (await ask(`/files/${name}`, { headers: bearer })).status]).toEqual([name, 404]);
    expect((await ask('/files/made.cpuprofile')).status).toBe(401);
  });
});

describe('event streams', () => {
  test('beyond 20 get 503 with a sentence, and a closed one makes room', async () => {
    const { ask, port } = await open();
    const streams = await Promise.all(Array.from({ length: 20 }, () => AdminStream.open(port, TOKEN)));
    const refused = await ask('/events', { headers: bearer });
    expect(refused).toMatchObject({
      status: 503,
      text: 'Too many pages are open, or the app is stopping.\n',
    });
    streams[0]?.close();
    await until(async () => {
      const next = await AdminStream.open(port, TOKEN).catch(() => undefined);
      if (next) streams.push(next);
      return next !== undefined;
    });
    for (const stream of streams) stream.close();
  });

  test('that wait behind another one on the same connection make room with it', async () => {
    const { port, host, ask } = await open();
    const socket = connect(port, '127.0.0.1');
    jobs.push(() => socket.destroy());
    const get = `GET /events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
    socket.write(get.repeat(25));
    await until(async () => (await ask('/events', { headers: bearer })).status === 503);
    socket.destroy();
    await until(async () => {
      const stream = await AdminStream.open(port, TOKEN).catch(() => undefined);
      stream?.close();
      return stream !== undefined;
    });
    expect((await ask('/', { headers: bearer })).status).toBe(200);
  });

  test('end with the app, and no new one begins', async () => {
    const { port, ask, operations } = await open();
    const stream = await AdminStream.open(port, TOKEN);
    operations.close();
    await until(() => stream.hasEnded);
    expect((await ask('/events', { headers: bearer })).status).toBe(503);
  });

  test('begin with the facts and the history, and have no secret', async () => {
    const { port, operations } = await open();
    operations.error({ at: 1, kind: 'error', code: 'INTERNAL' });
    const stream = await AdminStream.open(port, TOKEN);
    await until(() => stream.live.length > 0);
    expect(stream.text).toMatch(/^retry: \d+\n\nevent: facts\ndata: .*\n\nevent: history\ndata: \[/);
    expect(stream.last).toMatchObject({ state: 'serving', errors: [{ code: 'INTERNAL' }], restarts: [] });
    expect(stream.text).not.toContain(TOKEN);
    stream.close();
  });

  test('the last 50 errors are kept', async () => {
    const { port, operations } = await open();
    for (let at = 0; at < 80; at++) operations.error({ at, kind: 'error', code: 'INTERNAL' });
    const stream = await AdminStream.open(port, TOKEN);
    await until(() => stream.live.length > 0);
    expect(stream.last?.errors.map(({ at }) => at)).toEqual(
      Array.from({ length: 50 }, (_, index) => 79 - index),
    );
    stream.close();
  });

  test('a client that reads nothing is cut, and the others go on', async () => {
    const { port, server, operations } = await open();
    const idle = connect(port, '127.0.0.1');
    jobs.push(() => idle.destroy());
    idle.on('error', () => undefined).pause();
    idle.write(`GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    const reader = await AdminStream.open(port, TOKEN);
    const connections = promisify(server.getConnections.bind(server));
    await until(async () => (await connections()) === 2);
    // 50 errors of 20 kB each are 1 MB per second: the buffers of the system hold some seconds of it.
    for (let at = 0; at < 50; at++)
      operations.error({ at, kind: 'error', code: 'INTERNAL', stack: 'x'.repeat(20_000) });
    const closed = once(idle, 'close');
    await until(async () => (await connections()) === 1);
    idle.resume();
    await closed;
    expect(reader.wasCut || reader.hasEnded).toBe(false);
    reader.close();
  });

  test('end cleanly with the process', async () => {
    const { port, operations } = await open();
    const stream = await AdminStream.open(port, TOKEN);
    operations.close();
    await until(() => stream.hasEnded);
    expect(stream.wasCut).toBe(false);
  });
});

test('clients that leave in the middle of a body fill no log', async () => {
  const page = await open();
  for (let count = 0; count < 20; count++) {
    const socket = connect(page.port, '127.0.0.1').on('error', () => undefined);
    socket.write('POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntoken=');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await once(page.server, 'request').catch(() => undefined);
    socket.destroy();
    await closed;
  }
  await page.ask(`/login?token=${TOKEN}`);
  await page.log.waitForLine(({ outcome }) => outcome === 'right');
  expect(page.log.lines).toHaveLength(1);
});

test('a thousand connections that send nothing keep nobody out', async () => {
  const page = await open();
  const { headers } = await browser(page);
  const stream = await AdminStream.open(page.port, TOKEN);
  const idle: Socket[] = [];
  jobs.push(() => {
    for (const socket of idle) socket.destroy();
  });
  for (let count = 0; count < 1000; count++) {
    const socket = connect(page.port, '127.0.0.1').on('error', () => undefined);
    idle.push(socket);
    await once(socket, 'connect');
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n');
  }
  expect((await page.ask('/', { headers })).status).toBe(200);
  expect((await page.ask('/metrics')).status).toBe(200);
  const seen = stream.live.length;
  await until(() => stream.live.length > seen);
  await until(() => idle.filter(({ destroyed }) => !destroyed).length <= 256);
  stream.close();
});
