import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  cookieOf,
  get,
  logInAs,
  logOutMeanwhile,
  serveAccountEachTest,
  type AccountAppOptions,
} from '../../support/account-app.ts';
import { until } from '../../support/until.ts';
import { TEST_SECRET } from '../../support/config.ts';
import { describeWithRedis, describeWithRedisServer, type TestRedis } from '../../support/describe-redis.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { testSessionRaces } from '../../support/session-races.ts';
import { shortest, timed } from '../../support/timing.ts';

const serveAccount = serveAccountEachTest();

// After the apps, which use them.
const servers: RedisServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

function appOn(redisUrl: string, { env = {}, ...options }: AccountAppOptions = {}) {
  return serveAccount({
    env: {
      REDIS_URL: redisUrl,
      REDIS_KEY_PREFIX: `test-${process.pid}:`,
      SESSION_SECRETS: TEST_SECRET,
      ...env,
    },
    ...options,
  });
}

describeWithRedis('sessions in Redis', (open) => {
  let server: TestRedis;

  beforeAll(async () => {
    server = await open();
  });

  afterAll(async () => {
    await server.stop();
  });

  test('a session is read back in the next request', async () => {
    const { url } = await appOn(server.url);
    const cookie = cookieOf(await get(`${url}/visits`));
    await expect((await get(`${url}/visits`, cookie)).json()).resolves.toEqual({ visits: 2 });
    await expect((await get(`${url}/visits`, cookie)).json()).resolves.toEqual({ visits: 3 });
  });

  test('is the same in all processes, and so is the limit on log in', async () => {
    const one = await appOn(server.url);
    const other = await appOn(server.url);
    const cookie = await logInAs(one.url);
    await expect((await get(`${other.url}/guarded`, cookie)).json()).resolves.toMatchObject({
      user: { name: 'ada' },
    });
    const fail = async (url: string) =>
      (
        await fetch(`${url}/api/session`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: '{"name":"mallory","password":"guess"}',
        })
      ).status;
    const statuses = [];
    for (const { url } of [one, other, one, other, one, other, one]) statuses.push(await fail(url));
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    await fetch(`${other.url}/api/session`, { method: 'DELETE', headers: { Cookie: cookie } });
    expect((await get(`${one.url}/guarded`, cookie)).status).toBe(401);
  });

  test('ends in Redis with its idle time, or with its absolute age where that is sooner', async () => {
    const clock = { now: Date.now() };
    const env = { SESSION_IDLE_MINUTES: '30', SESSION_ABSOLUTE_HOURS: '1' };
    const { url, redis } = await appOn(server.url, { env, now: () => clock.now });
    const cookie = await logInAs(url);
    const id = /s%3A([\w-]+)/.exec(cookie)?.[1] ?? '';
    const ttl = async () => redis?.client.ttl(`test-${process.pid}:session:${id}`);
    expect(await ttl()).toBeGreaterThan(30 * 60 - 5);
    expect(await ttl()).toBeLessThanOrEqual(30 * 60);
    for (let index = 0; index < 2; index++) {
      clock.now += 25 * 60_000;
      await get(`${url}/guarded`, cookie);
    }
    expect(await ttl()).toBeGreaterThan(10 * 60 - 5);
    expect(await ttl()).toBeLessThanOrEqual(10 * 60);
  });

  test('one that outlived a shorter configuration is destroyed', async () => {
    const long = await appOn(server.url, { env: { SESSION_IDLE_MINUTES: '600' } });
    const cookie = await logInAs(long.url);
    const later = Date.now() + 60 * 60_000;
    const short = await appOn(server.url, { env: { SESSION_IDLE_MINUTES: '30' }, now: () => later });
    expect((await get(`${short.url}/guarded`, cookie)).status).toBe(401);
    expect((await get(`${long.url}/guarded`, cookie)).status).toBe(401);
  });

  describe('two requests at a time:', () => {
    testSessionRaces((options) => appOn(server.url, options));
  });

  test('is not brought back by a request that was under way when it ended', async () => {
    const { url, cookie } = await logOutMeanwhile((add) => appOn(server.url, { add }));
    expect((await get(`${url}/guarded`, cookie)).status).toBe(401);
  });

  test.each(['not json', '{}', '[]', 'null', '{"cookie":{},"createdAt":1}'])(
    '%p where a session should be costs a log in, no error',
    async (value) => {
      const { url, redis } = await appOn(server.url);
      const cookie = await logInAs(url);
      const id = /s%3A([\w-]+)/.exec(cookie)?.[1] ?? '';
      await redis?.client.set(`test-${process.pid}:session:${id}`, value);
      expect((await get(`${url}/guarded`, cookie)).status).toBe(401);
      expect((await get(`${url}/public`, cookie)).status).toBe(200);
    },
  );
});

describeWithRedisServer('what a request costs', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  test('an ordinary one a single GET, one without a cookie nothing, one a period a script that compares and sets', async () => {
    const clock = { now: Date.now() };
    const { url, redis } = await appOn(server.url, { now: () => clock.now });
    const cookie = await logInAs(url);
    const commandsOf = async (work: () => Promise<unknown>) => {
      await redis?.client.call('CONFIG', 'RESETSTAT');
      await work();
      const stats = (await redis?.client.info('commandstats')) ?? '';
      const calls = [...stats.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)].map(([, name, count]) => [
        name,
        Number(count),
      ]);
      return Object.fromEntries(calls.filter(([name]) => !/^(config|info)/.test(String(name)))) as object;
    };
    const guarded = async () => {
      expect((await get(`${url}/guarded`, cookie)).status).toBe(200);
    };
    expect(await commandsOf(guarded)).toEqual({ get: 1 });
    expect(
      await commandsOf(async () => {
        for (let index = 0; index < 5; index++) await guarded();
      }),
    ).toEqual({ get: 5 });
    expect(await commandsOf(() => get(`${url}/public`))).toEqual({});
    clock.now += 5 * 60_000;
    expect(await commandsOf(guarded)).toEqual({ get: 2, eval: 1, set: 1 });
    expect(await commandsOf(guarded)).toEqual({ get: 1 });
  });
});

describeWithRedisServer('while Redis is away', () => {
  const ways = [
    ['killed', (server: RedisServer) => server.kill(), (server: RedisServer) => server.restart()],
    [
      'hanging',
      (server: RedisServer) => {
        server.hang();
        return Promise.resolve();
      },
      (server: RedisServer) => {
        server.resume();
        return Promise.resolve();
      },
    ],
  ] as const;

  async function timedGet(url: string, cookie: string) {
    const start = performance.now();
    const response = await get(url, cookie);
    return { response, ms: performance.now() - start };
  }

  describe.each(ways)('%s', (how, goAway, comeBack) => {
    test('public routes serve, guarded ones say 503 in under 600 ms, and it is found again soon', async () => {
      const server = await RedisServer.start();
      servers.push(server);
      const { url, redis, storeLog } = await appOn(server.url);
      let cookie = '';
      let outages = 0;

      /** Takes Redis away; the milliseconds of the slowest answer. The first one may have to find out; the others know. */
      const slowestWithoutRedis = async () => {
        if (outages++ > 0) await comeBack(server);
        await until(() => redis?.isUp() === true);
        cookie = await logInAs(url);
        await goAway(server);
        let slowest = 0;
        for (const path of ['/guarded', '/public', '/guarded', '/plain', '/api/session']) {
          const { response, ms } = await timedGet(url + path, cookie);
          slowest = Math.max(slowest, ms);
          const status = path === '/public' || path === '/plain' ? 200 : 503;
          expect([path, response.status]).toEqual([path, status]);
          if (status === 200) continue;
          expect(response.headers.get('retry-after')).toBe('1');
          await expect(response.json()).resolves.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        }
        return slowest;
      };
      expect(await shortest(600, slowestWithoutRedis)).toBeLessThan(600);
      await expect(logInAs(url, 'grace')).rejects.toThrow('503');
      // Long enough for the pauses between attempts to have grown to their longest.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect((await timedGet(`${url}/guarded`, cookie)).ms).toBeLessThan(600);

      await comeBack(server);
      const start = performance.now();
      const wanted = how === 'killed' ? 401 : 200;
      await until(async () => (await get(`${url}/guarded`, cookie)).status === wanted);
      expect(performance.now() - start).toBeLessThan(2000);
      expect(redis?.isUp()).toBe(true);
      await logInAs(url, 'grace');
      const told = storeLog.lines
        .map((line) => line.msg)
        .filter((text) => String(text).startsWith('redis is down'));
      expect(told).toHaveLength(outages);
    }, 30_000);
  });

  test('a log in whose first command finds Redis hanging is answered in under 600 ms', async () => {
    const server = await RedisServer.start();
    servers.push(server);
    const { url, redis } = await appOn(server.url);
    const refusal = async () => {
      server.hang();
      const ms = await timed(() => expect(logInAs(url)).rejects.toThrow('503'));
      server.resume();
      await until(() => redis?.isUp() === true);
      return ms;
    };
    expect(await shortest(600, refusal)).toBeLessThan(600);
  });

  test('from its start, an app serves what it can and finds Redis when it comes', async () => {
    const server = await RedisServer.start();
    servers.push(server);
    const cookie = await logInAs((await appOn(server.url)).url);
    await server.kill();
    const { url } = await appOn(server.url, { waitForRedis: false });
    for (const [path, status] of [
      ['/public', 200],
      ['/guarded', 503],
    ] as const) {
      const { response, ms } = await timedGet(url + path, cookie);
      expect([path, response.status]).toEqual([path, status]);
      expect(ms).toBeLessThan(600);
    }
    await server.restart();
    const start = performance.now();
    await until(async () => (await get(`${url}/guarded`, cookie)).status === 401);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
