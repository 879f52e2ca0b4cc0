import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sessionCookie } from '../../src/session.ts';
import { AppHost, CLUSTER, PASSWORD } from '../support/deploy/app-host.ts';
import { Load, type LoadRequest } from '../support/deploy/load.ts';
import { Nginx } from '../support/deploy/nginx.ts';
import { startStub } from '../support/deploy/stub-app.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { RedisServer } from '../support/redis-server.ts';

/** Below the rate limit: each of the 20 clients has an address of its own and thinks for 30 ms on average. */
const CLIENTS = { lanes: 20, addresses: 20, pauseMs: 60 };

const READ: LoadRequest = { path: '/api/items/7', contains: '"id":7' };

/** Refused by the app itself, without any limit; nginx must never send a POST twice. */
const WRITE: LoadRequest = { path: '/api/items', method: 'POST', status: 405 };

describeWith(['nginx', 'brotli', 'openssl', 'redis'], 'deploy/nginx in front of two app hosts', () => {
  let redis: RedisServer;
  let hosts: [AppHost, AppHost];
  let nginx: Nginx;
  let load: Load | undefined;

  beforeAll(async () => {
    redis = await RedisServer.start();
    const env = { REDIS_URL: redis.url };
    hosts = await Promise.all([AppHost.start(env), AppHost.start(env)]);
    nginx = await Nginx.start({ hosts: [hosts[0].port, hosts[1].port] });
  });
  afterEach(() => load?.kill());
  afterAll(async () => {
    await nginx.stop();
    await Promise.all(hosts.map((host) => host.stop()));
    await redis.stop();
  });

  const logIn = async (name: string) => {
    const reply = await nginx.ask('/api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name, password: PASSWORD }),
    });
    expect(reply.status).toBe(201);
    return reply.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
  };

  test('two users who are logged in see themselves, on both hosts, 10,000 times', async () => {
    const [ada, grace] = [await logIn('ada'), await logIn('grace')];
    expect(ada.split('=', 1)).toEqual([`__Host-${sessionCookie.name}`]);
    const path = '/api/session';
    const result = await Load.run({
      ...nginx.target,
      lanes: 12,
      addresses: 240,
      total: 10_000,
      requests: [
        { path, headers: { Cookie: ada }, contains: '"name":"ada"', lacks: 'grace' },
        { path, headers: { Cookie: grace }, contains: '"name":"grace"', lacks: 'ada' },
        { path, status: 401, contains: 'LOGIN_REQUIRED' },
      ],
    });
    expect(result).toMatchObject({ answered: 10_000, wrong: 0, failures: [] });
    for (const host of hosts) expect(host.requests.length).toBeGreaterThan(1000);
  });

  test('a visitor who is logged in gets nothing from the cache, and leaves nothing in it', async () => {
    const Cookie = await logIn('ada');
    const state = async (headers = {}) => {
      const reply = await nginx.ask('/api/items?page=2', { headers });
      return [reply.status, reply.headers['x-cache-status']];
    };
    expect(await state({ Cookie })).toEqual([200, undefined]);
    expect(await state()).toEqual([200, 'MISS']);
    expect(await state()).toEqual([200, 'HIT']);
    expect(await state({ Cookie })).toEqual([200, undefined]);
  });

  describe('under load, with connections that are kept', () => {
    test('no request fails while nginx is reloaded five times', async () => {
      load = new Load({ ...nginx.target, ...CLIENTS, requests: [READ] });
      await load.goOn(200);
      for (let round = 0; round < 5; round++) {
        await nginx.reload();
        await load.goOn(200);
      }
      expect(await load.stop()).toMatchObject({ failed: 0, wrong: 0, failures: [] });
    });

    test('no request fails while each host is replaced, one at a time, twice', async () => {
      load = new Load({ ...nginx.target, ...CLIENTS, requests: [READ, READ, WRITE] });
      await load.goOn(200);
      for (const host of [...hosts, ...hosts]) {
        await host.leave();
        await host.restart();
        await load.goOn(100);
      }
      expect(await load.stop()).toMatchObject({ failed: 0, wrong: 0, retried: 0, failures: [] });
    });
  });

  test('with a connection for each request, none fails while nginx is reloaded five times', async () => {
    load = new Load({ ...nginx.target, ...CLIENTS, keepAlive: false, requests: [READ, WRITE] });
    await load.goOn(200);
    for (let round = 0; round < 5; round++) {
      await nginx.reload();
      await load.goOn(200);
    }
    expect(await load.stop()).toMatchObject({ failed: 0, wrong: 0, retried: 0, failures: [] });
  });

  test('one is killed: at most the requests it had in flight fail, and no GET', async () => {
    const [first] = hosts;
    load = new Load({ ...nginx.target, ...CLIENTS, requests: [READ, WRITE] });
    await load.goOn(200);
    await first.stop();
    await load.goOn(400);
    await first.restart();
    await until('it gets requests again', () => first.requests.length > 0);
    const { failed, failures, wrong } = await load.stop();
    expect(failed).toBeLessThanOrEqual(CLIENTS.lanes / 2);
    expect(wrong).toBe(0);
    expect(failures.filter((failure) => !failure.startsWith('POST'))).toEqual([]);
  });
});

describeWith(['nginx', 'brotli', 'openssl', 'redis'], 'deploy/nginx in front of one cluster', () => {
  let redis: RedisServer;
  let host: AppHost;
  let nginx: Nginx;
  let load: Load | undefined;

  beforeAll(async () => {
    redis = await RedisServer.start();
    host = await AppHost.start({ REDIS_URL: redis.url, WEB_CONCURRENCY: '2' }, CLUSTER);
    // As upstream.conf says: without the lines of the other host.
    const other = 9;
    nginx = await Nginx.start({
      hosts: [host.port, other],
      changes: [
        ['app/upstream.conf', `    server 127.0.0.1:${other} max_fails=3 fail_timeout=5s;\n`, ''],
        ['app/upstream.conf', `    server 127.0.0.1:${other} max_fails=0 backup;\n`, ''],
      ],
    });
  });
  afterAll(async () => {
    load?.kill();
    await nginx.stop();
    await host.stop();
    await redis.stop();
  });

  test('no request fails while the app rolls its workers over three times', async () => {
    load = new Load({ ...nginx.target, ...CLIENTS, requests: [READ, WRITE] });
    await load.goOn(200);
    for (let round = 0; round < 3; round++) {
      await host.reload();
      await load.goOn(100);
    }
    expect(await load.stop()).toMatchObject({ failed: 0, wrong: 0, retried: 0, failures: [] });
  });
});

/** 60 s and 72 s, both divided by 60. */
const SHORT = { nginx: '1s', app: '1.2' };

describeWith(['nginx', 'brotli', 'openssl'], 'deploy/nginx and idle connections to the app', () => {
  let stub: Awaited<ReturnType<typeof startStub>>;
  let nginx: Nginx;
  beforeEach(async () => {
    stub = await startStub({ KEEP_ALIVE_TIMEOUT_SECONDS: SHORT.app });
    nginx = await Nginx.start({
      hosts: [stub.port],
      changes: [['app/upstream.conf', 'keepalive_timeout 60s', `keepalive_timeout ${SHORT.nginx}`]],
    });
  });
  afterEach(async () => {
    await nginx.stop();
    await stub.close();
  });

  test('20 minutes of pauses around the timeouts: no POST gets a 502', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(100) });
    const post = () =>
      nginx.ask('/echo', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const statuses: Record<number, number> = {};
    // A sixtieth of 20 minutes, as the timeouts are a sixtieth of what they are.
    const end = performance.now() + 20_000;
    while (performance.now() < end) {
      // All at once, so that nginx has many idle connections of the same age.
      for (const { status } of await Promise.all(Array.from({ length: 24 }, post))) {
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
      // From well before nginx gives a connection up until after the app would.
      await new Promise((resolve) => setTimeout(resolve, 850 + Math.random() * 450));
    }
    expect(Object.keys(statuses)).toEqual(['200']);
    expect(statuses[200]).toBeGreaterThan(150);
  });
});
