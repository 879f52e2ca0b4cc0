import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Loader } from '../../../src/platform/cache/response-cache.ts';
import { ask, cachedRoutes } from '../../support/cached-routes.ts';
import { newPrefix, startInstance, type Instance } from '../../support/caches.ts';
import { time } from '../../support/clock.ts';
import { until } from '../../support/until.ts';
import { describeWithRedis, type TestRedis } from '../../support/describe-redis.ts';
import { serve } from '../../support/http.ts';

const minute = { ttl: 60, stale: 60, tags: ['things'] };

describeWithRedis('two apps on one Redis', (open) => {
  let redis: TestRedis;
  let instances: Instance[];
  let urls: string[];
  let closers: (() => Promise<void>)[];
  let runs: number;
  let loader: Loader;

  beforeAll(async () => {
    redis = await open();
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    time.start();
    const prefix = newPrefix();
    instances = await Promise.all([startInstance(redis.url, prefix), startInstance(redis.url, prefix)]);
    const apps = await Promise.all(
      instances.map(({ cache }) => {
        const { cached } = cachedRoutes({ cache });
        return serve((app) => {
          app.get(
            '/',
            cached(minute, (input) => loader(input)),
          );
        });
      }),
    );
    urls = apps.map(({ url }) => url);
    closers = [...apps, ...instances].map(({ close }) => close);
    runs = 0;
    loader = async () => {
      const run = ++runs;
      await sleep(50);
      return `${run} ${'x'.repeat(2000)}`;
    };
  });
  afterEach(async () => {
    for (const close of closers) await close();
    time.restore();
  });

  const askApp = (app: number, headers = {}) =>
    ask(urls[app] ?? '', { headers: { 'Accept-Encoding': 'br', ...headers } });

  test('run a loader once for 50 requests at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => askApp(i % 2)));
    expect(runs).toBe(1);
    expect(new Set(answers.map(({ body }) => body.toString('hex'))).size).toBe(1);
  });

  test('share an answer with its compressed variants, byte by byte', async () => {
    const made = await askApp(0);
    await until(async () => (await askApp(1)).headers['x-cache'] === 'HIT');
    const got = await askApp(1);
    expect(got.headers['content-encoding']).toBe('br');
    expect(got.headers.etag).toBe(made.headers.etag);
    expect(got.body.equals(made.body)).toBe(true);
    expect(runs).toBe(1);
  });

  test('both see a purge within a second', async () => {
    const both = async () => [(await askApp(0)).headers.etag, (await askApp(1)).headers.etag];
    const [before] = await both();
    expect(await both()).toEqual([before, before]);
    await instances[0]?.cache.purgeTag('things');
    time.pass(1000);
    const after = await both();
    expect(after).not.toContain(before);
  });
});
