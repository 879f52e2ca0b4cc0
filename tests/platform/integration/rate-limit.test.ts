import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import request from 'supertest';
import {
  createRateLimiter,
  type RateLimitOptions,
} from '../../../src/platform/http/middleware/rate-limit.ts';
import { connectRedis, type RedisConnection } from '../../../src/platform/redis/connection.ts';
import { until } from '../../support/until.ts';
import { clock } from '../../support/clock.ts';
import { testConfig } from '../../support/config.ts';
import { describeWithRedis, describeWithRedisServer, type TestRedis } from '../../support/describe-redis.ts';
import { LogLines, serve } from '../../support/http.ts';
import { RedisServer } from '../../support/redis-server.ts';

const logger = pino({ level: 'silent' });
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  clock.restore();
  for (const close of closing.splice(0).reverse()) await close();
});

interface LimitedAppOptions extends Partial<RateLimitOptions> {
  env?: Record<string, string>;
  redis?: RedisConnection;
  log?: LogLines;
}

async function limitedApp({ env = {}, redis, log, ...options }: LimitedAppOptions = {}): Promise<string> {
  const rateLimit = createRateLimiter({
    redis,
    prefix: `test-${process.pid}:`,
    logger: log ? pino(log) : logger,
  });
  const limit = rateLimit({ name: 'search', points: 3, perSeconds: 60, ...options });
  const app = await serve((express) => {
    express.delete('/limit', async (req, res) => {
      await limit.reset(req);
      res.end();
    });
    express.get('/', limit, (_req, res) => {
      res.json({});
    });
    express.get('/two', limit, rateLimit({ name: 'page', points: 9, perSeconds: 10 }), (_req, res) => {
      res.json({});
    });
  }, env);
  closing.push(app.close);
  return app.url;
}

/** The statuses of so many requests, one after the other. */
async function statuses(
  url: string,
  count: number,
  headers: (index: number) => Record<string, string> = () => ({}),
): Promise<number[]> {
  const all: number[] = [];
  for (let index = 0; index < count; index++) {
    all.push((await request(url).get('/').set(headers(index))).status);
  }
  return all;
}

describe('a limit', () => {
  test('sends its policy and what is left, and rejects with Retry-After when nothing is left', async () => {
    clock.stop();
    const url = await limitedApp();
    await request(url)
      .get('/')
      .expect(200)
      .expect('RateLimit-Policy', '"search";q=3;w=60')
      .expect('RateLimit', '"search";r=2;t=60');
    await request(url).get('/').expect('RateLimit', '"search";r=1;t=60');
    await request(url).get('/').expect('RateLimit', '"search";r=0;t=60');
    const refused = await request(url)
      .get('/')
      .expect(429)
      .expect('Content-Type', /problem\+json/)
      .expect('RateLimit-Policy', '"search";q=3;w=60')
      .expect('RateLimit', '"search";r=0;t=60')
      .expect('Retry-After', '60');
    expect(refused.body).toMatchObject({ code: 'RATE_LIMITED', status: 429 });
  });

  test('lets through again when its time is over', async () => {
    const url = await limitedApp({ points: 1, perSeconds: 1 });
    expect(await statuses(url, 2)).toEqual([200, 429]);
    await until(async () => (await statuses(url, 1))[0] === 200);
  });

  test('gives points back', async () => {
    const url = await limitedApp({ points: 1 });
    expect(await statuses(url, 2)).toEqual([200, 429]);
    await request(url).delete('/limit').expect(200);
    expect(await statuses(url, 2)).toEqual([200, 429]);
  });

  test('is listed beside others in the headers', async () => {
    const url = await limitedApp();
    await request(url)
      .get('/two')
      .expect('RateLimit-Policy', '"search";q=3;w=60, "page";q=9;w=10')
      .expect('RateLimit', '"search";r=2;t=60, "page";r=8;t=10');
  });

  test('counts by its key', async () => {
    const url = await limitedApp({ points: 1, key: (req) => String(req.headers['x-tenant']) });
    const tenant = (index: number) => ({ 'X-Tenant': index % 2 === 0 ? 'a' : 'b' });
    expect(await statuses(url, 4, tenant)).toEqual([200, 200, 429, 429]);
  });

  test.each(['', 'Search', 'a b', 'a"b', 'a:b'])('cannot be named %p', (name) => {
    const rateLimit = createRateLimiter({ logger });
    expect(() => rateLimit({ name, points: 1, perSeconds: 1 })).toThrow('a-z');
  });
});

describe('an invented X-Forwarded-For', () => {
  const invented = (index: number) => ({ 'X-Forwarded-For': `203.0.113.${index}` });
  /** What a proxy makes of it: the client's own words first, the address it saw last. */
  const appended = (index: number) => ({ 'X-Forwarded-For': `203.0.113.${index}, 198.51.100.7` });

  test('changes nothing where no proxy is trusted', async () => {
    expect(await statuses(await limitedApp(), 4, invented)).toEqual([200, 200, 200, 429]);
  });

  test.each(['1', 'loopback'])('changes nothing behind a proxy (TRUST_PROXY=%s)', async (TRUST_PROXY) => {
    const url = await limitedApp({ env: { TRUST_PROXY } });
    expect(await statuses(url, 4, appended)).toEqual([200, 200, 200, 429]);
    // Somebody else behind the same proxy
    expect(await statuses(url, 1, () => ({ 'X-Forwarded-For': '198.51.100.8' }))).toEqual([200]);
  });

  test('changes nothing behind two proxies', async () => {
    const url = await limitedApp({ env: { TRUST_PROXY: '2' } });
    const twice = (index: number) => ({
      'X-Forwarded-For': `203.0.113.${index}, 198.51.100.7, 198.51.100.99`,
    });
    expect(await statuses(url, 4, twice)).toEqual([200, 200, 200, 429]);
  });

  test('does not give an IPv6 client more than one limit for its 2^64 addresses', async () => {
    const url = await limitedApp({ env: { TRUST_PROXY: '1' } });
    const address = (index: number) => ({ 'X-Forwarded-For': `2001:db8:1:2:${index}::${index}` });
    expect(await statuses(url, 4, address)).toEqual([200, 200, 200, 429]);
    expect(await statuses(url, 1, () => ({ 'X-Forwarded-For': '2001:db8:1:3::1' }))).toEqual([200]);
  });
});

describeWithRedis('a limit in Redis', (open) => {
  let server: TestRedis;
  const connections: RedisConnection[] = [];

  const connected = async () => {
    const redis = connectRedis(testConfig({ REDIS_URL: server.url }), logger);
    connections.push(redis);
    await until(() => redis.isUp());
    return redis;
  };

  beforeAll(async () => {
    server = await open();
  });

  afterAll(async () => {
    for (const redis of connections) await redis.close();
    await server.stop();
  });

  test('is shared by all processes', async () => {
    const one = await limitedApp({ name: 'shared', redis: await connected() });
    const other = await limitedApp({ name: 'shared', redis: await connected() });
    expect(await statuses(one, 2)).toEqual([200, 200]);
    expect(await statuses(other, 2)).toEqual([200, 429]);
    expect(await statuses(one, 1)).toEqual([429]);
    await request(other).delete('/limit');
    expect(await statuses(one, 1)).toEqual([200]);
  });

  test('leaves no key without an expiry', async () => {
    const redis = await connected();
    await statuses(await limitedApp({ name: 'ending', redis }), 1);
    const [key = ''] = await redis.client.keys(`test-${process.pid}:limit:ending:*`);
    expect(key).toMatch(/127\.0\.0\.1$/);
    expect(await redis.client.ttl(key)).toBeGreaterThan(0);
  });
});

describeWithRedisServer('while Redis is away', () => {
  test.each(['kill', 'hang'] as const)(
    'a limit counts in memory, soon, and in Redis again (%s)',
    async (how) => {
      const server = await RedisServer.start();
      closing.push(() => server.stop());
      const log = new LogLines();
      const redis = connectRedis(testConfig({ REDIS_URL: server.url }), pino({ level: 'silent' }));
      closing.push(() => redis.close());
      await until(() => redis.isUp());
      const url = await limitedApp({ redis, log, points: 3 });
      expect(await statuses(url, 1)).toEqual([200]);

      if (how === 'kill') await server.kill();
      else server.hang();
      expect(await statuses(url, 1)).toEqual([200]);
      // One waits until Redis is given up, and no other.
      expect(redis.isUp()).toBe(false);
      expect(await statuses(url, 4)).toEqual([200, 200, 429, 429]);

      if (how === 'kill') await server.restart();
      else server.resume();
      await until(() => redis.isUp());
      // It had counted one, and counts the one it was asked for while it hung; killed, it has forgotten.
      expect((await statuses(url, 1))[0]).toBe(200);
      expect(log.lines.map((line) => line.msg)).toEqual([
        'rate limits are counted in the memory of each process',
        'rate limits are counted in Redis again',
      ]);
    },
  );

  test('a limit holds, and the log reports it, when Redis rejects the count', async () => {
    const server = await RedisServer.start();
    closing.push(() => server.stop());
    const log = new LogLines();
    const redis = connectRedis(testConfig({ REDIS_URL: server.url }), logger);
    closing.push(() => redis.close());
    await until(() => redis.isUp());
    await redis.client.call('ACL', 'SETUSER', 'default', '-@scripting');
    const url = await limitedApp({ redis, log, points: 2 });
    expect(await statuses(url, 3)).toEqual([200, 200, 429]);
    expect(log.lines).toMatchObject([{ level: 40, err: { message: expect.stringContaining('NOPERM') } }]);
  });
});
