import { describe, expect, test } from '@jest/globals';
import type { ErrorRow, Report } from '../../../src/platform/operations/contract.ts';
import { Activity, type ServedResponse } from '../../../src/platform/operations/activity.ts';
import { BUCKETS, bucketOf, percentile } from '../../../src/platform/operations/durations.ts';
import { configRow } from '../../../src/platform/operations/facts.ts';
import { Sampler } from '../../../src/platform/operations/sampler.ts';
import { watchStores } from '../../../src/platform/operations/stores.ts';
import { everySecond } from '../../../src/platform/observability/every-second.ts';
import { testConfig } from '../../support/config.ts';
import { until } from '../../support/until.ts';

const MEMORY = { kind: 'memory', redis: null, sessions: { up: true, latencyMs: null } };

function countsOf(...durations: number[]): Uint32Array {
  const counts = new Uint32Array(BUCKETS);
  for (const ms of durations) counts[bucketOf(ms)] = (counts[bucketOf(ms)] ?? 0) + 1;
  return counts;
}

function activity(exposeErrors = false) {
  const errors: ErrorRow[] = [];
  const lookups = { hits: 0, lookups: 0 };
  const counted = new Activity({
    exposeErrors,
    stores: () => MEMORY,
    lookups: () => Promise.resolve({ ...lookups }),
  });
  counted.onError((error) => errors.push(error));
  const add = (response: Partial<ServedResponse>) => {
    const usual = { method: 'GET', route: '/x', status: 200, ms: 5, code: undefined, error: undefined };
    counted.add({ ...usual, requestId: 'request-1', ...response });
  };
  return { counted, errors, lookups, add };
}

function report(routes: Report['routes'], cache = { hits: 0, lookups: 0 }): Report {
  return { routes, cache, stores: MEMORY };
}

describe('percentiles', () => {
  test.each([0.15, 0.9, 1, 7, 48, 333, 1000, 9876, 59_000])(
    'a single duration of %d ms is its own percentile, within 10 %%',
    (ms) => {
      const found = percentile(countsOf(ms), 0.5) ?? 0;
      expect(Math.abs(found - ms) / ms).toBeLessThan(0.1);
    },
  );

  test('the 99th of 100 is the second longest, the median is the middle', () => {
    const counts = countsOf(...Array<number>(50).fill(2), ...Array<number>(48).fill(20), 300, 3000);
    expect(percentile(counts, 0.5)).toBeCloseTo(2, 0);
    expect(percentile(counts, 0.95)).toBeGreaterThan(15);
    expect(percentile(counts, 0.95)).toBeLessThan(25);
    expect(percentile(counts, 0.99)).toBeGreaterThan(250);
    expect(percentile(counts, 0.99)).toBeLessThan(350);
  });

  test('nothing has none, and none exceeds the slowest', () => {
    expect(percentile(new Uint32Array(BUCKETS), 0.5)).toBeNull();
    expect(percentile(countsOf(2.2), 0.99, 2.2)).toBeLessThanOrEqual(2.2);
  });

  test('a duration of zero, of an hour, and one that is no number have a bucket', () => {
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(3_600_000)).toBe(BUCKETS - 1);
  });
});

describe('the activity of a process', () => {
  test('is reported as differences', () => {
    const { counted, add } = activity();
    add({ ms: 5 });
    add({ status: 404, ms: 1 });
    add({ route: '/y', status: 503, ms: 80 });
    const { routes } = counted.take();
    expect(routes).toEqual([
      { method: 'GET', route: '/x', statuses: [1, 0, 1, 0], slowestMs: 5, buckets: expect.any(Array) },
      { method: 'GET', route: '/y', statuses: [0, 0, 0, 1], slowestMs: 80, buckets: [[bucketOf(80), 1]] },
    ]);
    expect(counted.take().routes).toEqual([]);
  });

  test('has the look-ups of the cache, a second late', async () => {
    const { counted, lookups } = activity();
    Object.assign(lookups, { hits: 3, lookups: 4 });
    expect(counted.take().cache).toEqual({ hits: 0, lookups: 0 });
    await until(() => counted.take().cache.lookups === 4);
    expect(counted.take().cache).toEqual({ hits: 0, lookups: 0 });
  });

  test('reports a 5xx, and a 503 that has an error; not what was shed on purpose', () => {
    const { errors, add } = activity();
    add({ status: 500, code: 'INTERNAL', error: new Error('secret inside') });
    add({ status: 503, code: 'STORE_UNAVAILABLE', error: new Error('away') });
    add({ status: 503, code: 'UNAVAILABLE' });
    add({ status: 404 });
    expect(errors.map(({ code }) => code)).toEqual(['INTERNAL', 'STORE_UNAVAILABLE']);
    expect(errors[0]).toMatchObject({ kind: 'error', status: 500, requestId: 'request-1', route: '/x' });
    expect(JSON.stringify(errors)).not.toContain('secret inside');
  });

  test('has message and stack in development, without secrets and of bounded size', () => {
    const { errors, add } = activity(true);
    add({ status: 500, error: new Error(`password="hunter2-hunter2" ${'x'.repeat(100_000)}`) });
    expect(errors[0]?.message).toContain('[redacted]');
    expect(errors[0]?.stack).toContain('[redacted]');
    expect(JSON.stringify(errors)).not.toContain('hunter2');
    expect(JSON.stringify(errors).length).toBeLessThan(12_000);
  });

  test('reports 20 errors per second at most', () => {
    const { counted, errors, add } = activity();
    for (let count = 0; count < 1000; count++) add({ status: 500 });
    expect(errors).toHaveLength(20);
    counted.take();
    add({ status: 500 });
    expect(errors).toHaveLength(21);
  });
});

describe('the sampler', () => {
  const worker = { slot: 0, state: 'ready', generation: 1, uptimeSeconds: 5 };
  const route = { method: 'GET', route: '/x', statuses: [8, 0, 0, 2], slowestMs: 40 };
  const buckets: [number, number][] = [[bucketOf(4), 10]];

  test('adds the processes up, and begins anew each second', () => {
    const sampler = new Sampler();
    const workers = [
      { ...worker, cpu: 0.5, rssBytes: 100, utilization: 0.4, delayMs: 3, inFlight: 2 },
      { ...worker, slot: 1, cpu: 0.25, rssBytes: 50, utilization: 0.2, delayMs: 30, inFlight: 1 },
      { ...worker, slot: 2, state: 'hung', utilization: 1, rssBytes: 1, inFlight: 7 },
    ];
    for (let count = 0; count < 2; count++)
      sampler.add(report([{ ...route, buckets }], { hits: 1, lookups: 2 }));
    const own = { cpu: 0.01, rssBytes: 5 };
    const sample = sampler.sample({ workers }, own, 1000);
    expect(sample).toMatchObject({
      at: 1000,
      responses: { '2xx': 16, '3xx': 0, '4xx': 0, '5xx': 4 },
      inFlight: 10,
      cpu: 0.76,
      rssBytes: 156,
      delayMs: 30,
      cacheHitRatio: 0.5,
    });
    expect(sample.utilization).toBeCloseTo(0.3);
    expect(sample.p50Ms).toBeGreaterThan(3.5);
    expect(sampler.routes).toMatchObject([{ requests: 20, errors: 4, perSecond: 20, slowestMs: 40 }]);
    const next = sampler.sample({ workers: [] }, own, 2000);
    expect(next).toMatchObject({ responses: { '2xx': 0 }, p50Ms: null, cacheHitRatio: null, utilization: 0 });
    expect(sampler.routes).toMatchObject([{ requests: 20, perSecond: 0 }]);
  });

  test('spreads what came while this process was late', () => {
    const sampler = new Sampler();
    sampler.sample({ workers: [] }, undefined, 1000);
    sampler.add(report([{ ...route, buckets }]));
    expect(sampler.sample({ workers: [] }, undefined, 5000).responses).toMatchObject({ '2xx': 2 });
  });

  test('keeps ten minutes, and a bounded number of routes', () => {
    const sampler = new Sampler();
    for (let index = 0; index < 5000; index++) {
      sampler.add(report([{ ...route, route: `/invented/${index}`, buckets }]));
      sampler.sample({ workers: [] }, undefined, index * 1000);
    }
    expect(sampler.history).toHaveLength(600);
    expect(sampler.history[0]?.at).toBe(4_400_000);
    expect(sampler.routes.length).toBeLessThanOrEqual(1001);
    const total = sampler.routes.reduce((sum, { requests }) => sum + requests, 0);
    expect(total).toBe(50_000);
  });
});

describe('the state of the stores', () => {
  const read = () => Promise.resolve(undefined);

  test('has the time of a read, and asks nothing while the store is away', async () => {
    let up = true;
    const keys: string[] = [];
    const client = { get: (key: string) => (keys.push(key), read()) };
    const states = watchStores(
      { kind: 'redis', redis: { client }, sessions: { read }, isUp: () => up },
      'a:',
    );
    await until(() => states().redis?.latencyMs !== null);
    expect(states()).toEqual({
      kind: 'redis',
      redis: { up: true, latencyMs: expect.any(Number) },
      sessions: { up: true, latencyMs: expect.any(Number) },
    });
    up = false;
    const asked = keys.length;
    expect(states().redis).toEqual({ up: false, latencyMs: null });
    expect(keys.length).toBe(asked);
  });

  test('of memory have no Redis, and are up', () => {
    const states = watchStores(
      { kind: 'memory', redis: undefined, sessions: { read }, isUp: () => undefined },
      '',
    );
    expect(states()).toMatchObject({ redis: null, sessions: { up: true } });
  });

  test('a read that fails has no time, and a slow one is not asked again', async () => {
    let reads = 0;
    const slow = { read: () => (reads++, new Promise(() => undefined)) };
    const failing = { client: { get: () => Promise.reject(new Error('away')) } };
    const states = watchStores({ kind: 'redis', redis: failing, sessions: slow, isUp: () => true }, '');
    await until(() => {
      states();
      return reads === 1;
    });
    for (let count = 0; count < 10; count++) states();
    expect(reads).toBe(1);
    expect(states().redis).toEqual({ up: true, latencyMs: null });
  });
});

describe('the configuration on the page', () => {
  test.each([
    'SESSION_SECRETS',
    'ADMIN_TOKEN',
    'DEMO_PASSWORD',
    'STRIPE_KEY',
    'SENTRY_DSN',
    'SLACK_WEBHOOK_URL',
    'SMTP_PASS',
    'AWS_SECRET_ACCESS_KEY',
  ])('hides %s', (name) => {
    expect(configRow(name, 'hunter2', 'environment')).toEqual({ name, value: null, source: 'environment' });
  });

  test('shows what no JSON has as a text, as a function is none', () => {
    expect(configRow('ORDERS_RULE', () => 1, 'environment')).toMatchObject({ name: 'ORDERS_RULE' });
  });

  test('hides whatever comes from a file of its own', () => {
    expect(configRow('PORT', 3000, 'file').value).toBeNull();
  });

  test.each([
    'redis://ada:hunter2@redis.internal:6379',
    'unix://ada:hunter2@/run/redis.sock',
    'redis+sentinel://ada:hunter2@one:26379,two:26379/main?sentinel=bob:hunter2',
    'rediss+cluster://ada:hunter2@one:6379,two:6379',
  ])('shows where Redis is, and no password: %s', (url) => {
    const { value } = configRow('REDIS_URL', testConfig({ REDIS_URL: url }).REDIS_URL, 'environment');
    expect(value).toContain('[redacted]');
    expect(value).not.toContain('hunter2');
  });

  test('masks a URL as the log does, cuts what is long, and shows what is not set', () => {
    expect(configRow('DATABASE_URL', 'postgres://ada:hunter2@db/app', '.env').value).toBe(
      'postgres://[redacted]@db/app',
    );
    expect(configRow('USERS', [{ name: 'ada', passwordHash: 'hunter2' }], '.env').value).not.toContain(
      'hunter2',
    );
    expect(configRow('HOST', 'x'.repeat(10_000), '.env').value?.length).toBeLessThan(400);
    expect(configRow('HOST', undefined, 'default').value).toBe('');
    expect(configRow('PORT', 3000, 'default')).toEqual({ name: 'PORT', value: '3000', source: 'default' });
  });
});

test('a call each second comes at one moment of the second, and ends', async () => {
  const moments: number[] = [];
  const end = everySecond(() => moments.push(Date.now() % 1000), 250);
  await until(() => moments.length === 2);
  end();
  // A busy machine is late, never early.
  for (const moment of moments) expect(moment).toBeGreaterThanOrEqual(240);
});
