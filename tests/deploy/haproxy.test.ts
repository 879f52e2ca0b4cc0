import { once } from 'node:events';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sessionCookie } from '../../src/session.ts';
import { AppHost, PASSWORD } from '../support/deploy/app-host.ts';
import { ask } from '../support/deploy/ask.ts';
import { Haproxy } from '../support/deploy/haproxy.ts';
import { Load, type LoadRequest } from '../support/deploy/load.ts';
import { startStub, type Stub } from '../support/deploy/stub-app.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { RedisServer } from '../support/redis-server.ts';

/** Below the rate limit: each of the 20 clients has an address of its own and thinks for 30 ms on average. */
const CLIENTS = { lanes: 20, addresses: 20, pauseMs: 60 };

const READ: LoadRequest = { path: '/api/items/7', contains: '"id":7' };

/** Refused by the app itself, without any limit. */
const WRITE: LoadRequest = { path: '/api/items', method: 'POST', status: 405 };

describeWith(['haproxy', 'openssl'], 'deploy/haproxy', () => {
  let stub: Stub;
  let haproxy: Haproxy;

  beforeAll(async () => {
    stub = await startStub();
    haproxy = await Haproxy.start({
      hosts: [stub.port, stub.port],
      // From 10 s, for slowloris.
      changes: [['timeout http-request 10s', 'timeout http-request 1s']],
    });
    await until('the hosts are up', async () => (await haproxy.stateOf('app2')) === 'UP');
  });
  afterAll(async () => {
    await haproxy.stop();
    await stub.close();
  });

  test('passes haproxy -c without a word of warning', async () => {
    expect(await haproxy.check()).toBe('Configuration file is valid\n');
  });

  test('plain HTTP is sent to HTTPS with 308, which keeps a POST a POST', async () => {
    const { status, headers } = await ask({
      url: `http://127.0.0.1:${haproxy.httpPort}/a?b=c`,
      host: 'example.com',
      method: 'POST',
    });
    expect([status, headers.location]).toEqual([308, 'https://example.com/a?b=c']);
  });

  test('a name that is not ours gets no answer, neither with TLS nor without', async () => {
    const host = 'elsewhere.test';
    await expect(ask({ url: haproxy.url, host, ca: haproxy.ca })).rejects.toThrow(/unrecognized name|alert/);
    await expect(ask({ url: `http://127.0.0.1:${haproxy.httpPort}/`, host })).rejects.toThrow(
      /socket hang up|ECONNRESET/,
    );
  });

  test('tells the app the address of the connection, https and the host, whatever the client says', async () => {
    const reply = await haproxy.ask('/request', {
      from: '127.0.0.9',
      headers: {
        'X-Forwarded-For': ['203.0.113.7', '203.0.113.8'],
        Forwarded: 'for=203.0.113.7',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Host': 'evil.test',
      },
    });
    const { ip, secure, headers } = JSON.parse(reply.text) as {
      ip: string;
      secure: boolean;
      headers: Record<string, string>;
    };
    expect({ ip, secure }).toEqual({ ip: '127.0.0.9', secure: true });
    expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.9', 'x-forwarded-host': 'example.com' });
    expect(headers.forwarded).toBeUndefined();
  });

  describe('the id of a request', () => {
    test('is the same in the answer, in the app and in both logs', async () => {
      const id = 'order-66_from-the-shop';
      const reply = await haproxy.ask('/request?token=secret-in-the-query', {
        headers: { 'X-Request-Id': id },
      });
      expect(reply.headers['x-request-id']).toBe(id);
      expect(JSON.parse(reply.text)).toMatchObject({ headers: { 'x-request-id': id } });
      await until('both have logged it', () => {
        const line = haproxy.log.find(({ request }) => request === id);
        return line?.path === '/request' && stub.log.lines.some(({ reqId }) => reqId === id);
      });
      expect(JSON.stringify(haproxy.log)).not.toContain('secret-in-the-query');
    });

    test.each([
      ['short', 'a'],
      ['long', 'a'.repeat(65)],
      ['has other characters', 'abcdefgh"}{'],
      ['is two', ['abcdefgh', 'ijklmnop']],
    ])('is a new one where the one that is sent %s', async (_what, id) => {
      const reply = await haproxy.ask('/request', { headers: { 'X-Request-Id': id } });
      expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    });
  });

  test.each([4, 8, 16, 24])('lets %i KB of headers of the app through', async (kilobytes) => {
    const reply = await haproxy.ask(`/headers/${kilobytes}`);
    expect([reply.status, reply.headers[`x-header-${kilobytes - 1}`]]).toEqual([200, 'x'.repeat(1000)]);
  });

  test('compresses for who can read it', async () => {
    const { headers, body } = await haproxy.ask('/api/items', {
      headers: { 'Accept-Encoding': 'br, gzip' },
    });
    expect(headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: expect.stringMatching(/accept-encoding/i),
    });
    expect(gunzipSync(body).toString()).toContain('the same words again and again');
    expect((await haproxy.ask('/api/items')).headers['content-encoding']).toBeUndefined();
  });

  test('cuts a client that never ends its headers', async () => {
    const socket = connect(haproxy.httpPort, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\nHost: example.com\r\n');
    const drip = setInterval(() => socket.write('X-Slow: 1\r\n'), 200);
    await Promise.race([
      closed,
      new Promise((_, reject) => setTimeout(reject, 15_000, new Error('not cut')).unref()),
    ]);
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test('answers 429 with Retry-After to one address that floods, and not to another', async () => {
    const { statuses } = await Load.run({
      ...haproxy.target,
      total: 700,
      lanes: 20,
      requests: [{ path: '/request' }],
    });
    expect(statuses['200']).toBeGreaterThanOrEqual(490);
    expect(statuses['429']).toBeGreaterThan(0);
    const refused = await haproxy.ask('/request', { from: '127.0.1.1' });
    expect(refused.headers).toMatchObject({
      'retry-after': '10',
      'content-type': 'application/problem+json',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'RATE_LIMITED' });
    expect((await haproxy.ask('/request', { from: '127.0.1.2' })).status).toBe(200);
  });
});

describeWith(['haproxy', 'openssl'], 'deploy/haproxy while no host answers', () => {
  let haproxy: Haproxy;
  beforeAll(async () => {
    // Nobody listens there.
    haproxy = await Haproxy.start({ hosts: [9, 9] });
    await until('the hosts are down', async () => (await haproxy.stateOf('app2')) === 'DOWN');
  });
  afterAll(() => haproxy.stop());

  test.each([
    ['a page to a browser', 'text/html,*/*', 'text/html; charset=utf-8', 'Back in a moment'],
    ['a problem to everybody else', '*/*', 'application/problem+json', '"UNAVAILABLE"'],
  ])('sends %s', async (_what, accept, type, text) => {
    const reply = await haproxy.ask('/', { headers: { Accept: accept } });
    expect(reply.status).toBe(503);
    expect(reply.headers).toMatchObject({
      'content-type': type,
      'retry-after': '10',
      'cache-control': 'no-store',
    });
    expect(reply.text).toContain(text);
  });
});

describeWith(['haproxy', 'openssl', 'redis'], 'deploy/haproxy in front of two app hosts', () => {
  let redis: RedisServer;
  let first: AppHost;
  let second: AppHost;
  let haproxy: Haproxy;
  let load: Load | undefined;

  beforeAll(async () => {
    redis = await RedisServer.start();
    const env = { REDIS_URL: redis.url, DRAIN_DELAY_SECONDS: '3' };
    [first, second] = await Promise.all([AppHost.start(env), AppHost.start(env)]);
  });
  beforeEach(async () => {
    haproxy = await Haproxy.start({ hosts: [first.port, second.port] });
    await bothAre('UP');
  });
  afterEach(async () => {
    load?.kill();
    await haproxy.stop();
  });
  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()]);
    await redis.stop();
  });

  const bothAre = (state: string) =>
    until(`both are ${state}`, async () => {
      return (await haproxy.stateOf('app1')) === state && (await haproxy.stateOf('app2')) === state;
    });

  const logIn = async () => {
    const reply = await haproxy.ask('/api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'ada', password: PASSWORD }),
    });
    expect(reply.status).toBe(201);
    return (reply.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';', 1)[0] ?? '');
  };

  /** Which hosts answered so many requests with these headers. */
  const askedHosts = async (count: number, headers: Record<string, string>) => {
    const ids: unknown[] = [];
    for (let index = 0; index < count; index++) {
      const reply = await haproxy.ask('/api/session', { headers });
      expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('"name":"ada"')]);
      ids.push(reply.headers['x-request-id']);
    }
    const has = (host: AppHost) => host.requests.some(({ reqId }) => ids.includes(reqId));
    await until('all are logged', () => {
      const logged = [...first.requests, ...second.requests].filter(({ reqId }) => ids.includes(reqId));
      return logged.length === count;
    });
    return [first, second].filter(has).length;
  };

  test('a session is valid on either host', async () => {
    const cookies = await logIn();
    expect(cookies.map((cookie) => cookie.split('=', 1)[0])).toEqual([`__Host-${sessionCookie.name}`]);
    expect(await askedHosts(20, { Cookie: cookies.join('; ') })).toBe(2);
  });

  test('the commented stickiness keeps a client with one host when it is switched on', async () => {
    await haproxy.stop();
    haproxy = await Haproxy.start({
      hosts: [first.port, second.port],
      changes: [
        ['#cookie app_host', 'cookie app_host'],
        ['#dynamic-cookie-key', 'dynamic-cookie-key'],
      ],
    });
    await bothAre('UP');
    const cookies = await logIn();
    expect(cookies.map((cookie) => cookie.split('=', 1)[0]).sort()).toEqual([
      `__Host-${sessionCookie.name}`,
      'app_host',
    ]);
    expect(await askedHosts(20, { Cookie: cookies.join('; ') })).toBe(1);
  });

  test('no request fails while HAProxy is reloaded five times, and connections that are kept are not cut', async () => {
    load = new Load({ ...haproxy.target, ...CLIENTS, requests: [READ, WRITE] });
    await load.goOn(200);
    for (let round = 0; round < 5; round++) {
      await haproxy.reload();
      await load.goOn(200);
    }
    expect(await load.stop()).toMatchObject({ failed: 0, wrong: 0, retried: 0, failures: [] });
  });

  test('no request fails while each host drains and comes back, and one that drains gets nothing new', async () => {
    load = new Load({ ...haproxy.target, ...CLIENTS, requests: [READ, WRITE] });
    await load.goOn(200);
    for (const [host, name] of [
      [first, 'app1'],
      [second, 'app2'],
    ] as const) {
      host.drain();
      await until(`${name} is seen to drain`, async () => (await haproxy.stateOf(name)) === 'DOWN');
      const seenAt = Date.now();
      await until('it drains for a while', () => Date.now() - seenAt > 2000);
      await load.goOn(100);
      await host.leave();
      // A second for what was on its way when it was seen. HAProxy itself goes on asking whether it is ready.
      const late = host.requests.filter(
        ({ path, time, ms }) => path !== '/readyz' && Date.parse(String(time)) - Number(ms) > seenAt + 1000,
      );
      expect(host.requests.length).toBeGreaterThan(50);
      expect(late).toEqual([]);
      await host.restart();
      await bothAre('UP');
      await load.goOn(100);
    }
    expect(await load.stop()).toMatchObject({ failed: 0, wrong: 0, failures: [] });
  });

  test('a host taken out by hand gets nothing new', async () => {
    await haproxy.admin('set server app/app1 state drain');
    const before = first.requests.length;
    const load = { ...haproxy.target, total: 100, requests: [READ] };
    expect(await Load.run(load)).toMatchObject({ answered: 100, failed: 0 });
    expect(first.requests.length).toBe(before);
  });

  test('one is killed: at most the requests it had in flight fail, and no GET', async () => {
    load = new Load({ ...haproxy.target, ...CLIENTS, requests: [READ, WRITE] });
    await load.goOn(200);
    await first.stop();
    await load.goOn(400);
    await first.restart();
    await bothAre('UP');
    await load.goOn(100);
    const { failed, failures, wrong } = await load.stop();
    expect(failed).toBeLessThanOrEqual(CLIENTS.lanes / 2);
    expect(wrong).toBe(0);
    expect(failures.filter((failure) => !failure.startsWith('POST'))).toEqual([]);
  });
});
