import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { projectPath } from '../../../src/platform/config/paths.ts';
import { JobRunner, type Job } from '../../../src/platform/jobs/runner.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { connectRedis, type RedisConnection } from '../../../src/platform/redis/connection.ts';
import { newPrefix, silent } from '../../support/caches.ts';
import { until } from '../../support/until.ts';
import { testConfig } from '../../support/config.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { LogLines } from '../../support/http.ts';
import { RedisServer } from '../../support/redis-server.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Resolves when the signal fires, or has fired: on a busy machine a lease may be over before its run begins. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** A runner like that of a process of its own. */
function process(redis?: RedisConnection, prefix = 'test:', isDraining = () => false) {
  const log = new LogLines();
  const registry = new Registry();
  const logger = createLogger({ LOG_LEVEL: 'debug', LOG_FORMAT: 'json' }, log);
  const jobs = new JobRunner({ redis, prefix, logger, registry, isDraining });
  const runner = {
    start: (list: readonly Job[]) => {
      for (const job of list) jobs.add(job);
      jobs.start();
    },
    stop: (deadline: AbortSignal) => jobs.stop(deadline),
  };
  stops.push(() => jobs.stop(AbortSignal.abort()));
  const count = async (outcome: string) => {
    const metric = await registry.getSingleMetric('job_runs_total')?.get();
    const counted = metric?.values.filter(({ labels }) => labels.outcome === outcome) ?? [];
    return counted.reduce((sum, { value }) => sum + value, 0);
  };
  return { runner, log, count };
}

describe('one process', () => {
  test('runs a job at the start, and again after its period', async () => {
    const { runner, count } = process();
    const fences: number[] = [];
    runner.start([{ name: 'tick', every: 0.2, run: (_signal, { fence }) => fences.push(fence) }]);
    await until(() => fences.length === 2, 20_000);
    expect(fences).toEqual([1, 2]);
    expect(await count('done')).toBeGreaterThan(0);
  });

  test('logs and counts a failure, and runs the job again', async () => {
    const { runner, log, count } = process();
    let runs = 0;
    const run = () => {
      runs++;
      throw new Error('no connection');
    };
    runner.start([{ name: 'broken', every: 0.2, run }]);
    await until(() => runs === 2, 20_000);
    expect(await count('failed')).toBeGreaterThan(0);
    expect(log.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        job: 'broken',
        msg: 'job failed',
        err: expect.anything() as unknown,
      }),
    );
  });

  test('skips the runs that would overlap', async () => {
    const { runner, count } = process();
    let running = 0;
    let most = 0;
    let runs = 0;
    const slow: Job = {
      name: 'slow',
      every: 0.2,
      run: async () => {
        runs++;
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 250));
        running--;
      },
    };
    runner.start([slow]);
    await until(() => runs === 2, 20_000);
    expect(most).toBe(1);
    expect(await count('skipped')).toBeGreaterThan(0);
  });

  test('aborts a run at once when it stops, unless the run may wait', async () => {
    const { runner, count } = process();
    const deadline = new AbortController();
    const signals = new Map<string, AbortSignal>();
    const untilAborted = (name: string) => (signal: AbortSignal) => {
      signals.set(name, signal);
      return aborted(signal).then(() => {
        throw new Error('aborted');
      });
    };
    runner.start([
      { name: 'quick', every: 60, run: untilAborted('quick') },
      { name: 'patient', every: 60, onStop: 'wait', run: untilAborted('patient') },
    ]);
    await until(() => signals.size === 2);
    let isStopped = false;
    const stopped = runner.stop(deadline.signal).then(() => (isStopped = true));
    expect([signals.get('quick')?.aborted, signals.get('patient')?.aborted]).toEqual([true, false]);
    await until(async () => (await count('aborted')) === 1);
    expect(isStopped).toBe(false);
    deadline.abort();
    await stopped;
    expect(await count('aborted')).toBe(2);
  });

  test('starts no run once the process drains', async () => {
    let draining = false;
    const { runner } = process(undefined, 'test:', () => draining);
    let runs = 0;
    let others = 0;
    const once = () => {
      runs++;
      draining = true;
    };
    runner.start([{ name: 'once', every: 0.1, run: once }]);
    const other = process();
    other.runner.start([{ name: 'other', every: 0.1, run: () => ++others }]);
    await until(() => others > 5, 20_000);
    expect(runs).toBe(1);
  });

  test.each<[string, Partial<Job>]>([
    ['a name that is none', { name: 'Refresh It' }],
    ['no name', { name: '' }],
    ['no period', { every: 0 }],
    ['a period that is no number', { every: NaN }],
    ['a period longer than a timer can wait', { every: 2 ** 31 }],
  ])('refuses a job with %s', (_what, wrong) => {
    const job: Job = { name: 'fine', every: 60, run: () => undefined, ...wrong };
    expect(() => {
      process().runner.start([job]);
    }).toThrow(/job/);
  });

  test('refuses two jobs of one name', () => {
    const job: Job = { name: 'twice', every: 60, run: () => undefined };
    expect(() => {
      process().runner.start([job, job]);
    }).toThrow('two jobs named "twice"');
  });
});

describeWithRedisServer('three processes on one Redis', () => {
  let server: RedisServer;
  let prefix: string;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(async () => {
    await server.stop();
  });
  beforeEach(() => {
    prefix = newPrefix();
  });

  async function connect(): Promise<RedisConnection> {
    const redis = connectRedis(testConfig({ REDIS_URL: server.url }), silent);
    stops.push(() => redis.close());
    await until(() => redis.isUp());
    return redis;
  }

  async function three() {
    return [
      process(await connect(), prefix),
      process(await connect(), prefix),
      process(await connect(), prefix),
    ];
  }

  test('run a job once per period, and number its runs', async () => {
    const fences: number[] = [];
    const run: Job['run'] = (_signal, { fence }) => fences.push(fence);
    const startedAt = performance.now();
    for (const { runner } of await three()) runner.start([{ name: 'once', every: 0.2, run }]);
    await until(() => fences.length >= 3, 30_000);
    const periods = (performance.now() - startedAt) / 200;
    expect(fences).toEqual(fences.map((_fence, index) => index + 1));
    expect(fences.length).toBeLessThanOrEqual(periods + 1);
  });

  test('run a job of each process in each', async () => {
    const seen = new Set<number>();
    for (const [index, { runner }] of (await three()).entries())
      runner.start([{ name: 'each', every: 60, once: 'process', run: () => seen.add(index) }]);
    await until(() => seen.size === 3);
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });

  test('leave a job alone that another one runs, and take over from one that was killed', async () => {
    const [first, second] = await three();
    const redis = await connect();
    let isAborted = false;
    const forever: Job['run'] = async (signal) => {
      await aborted(signal);
      isAborted = true;
    };
    let runs = 0;
    first?.runner.start([{ name: 'long', every: 0.2, run: forever }]);
    await until(async () => (await redis.client.get(`${prefix}job:long:{job}:fence`)) === '1');
    second?.runner.start([{ name: 'long', every: 0.2, run: () => ++runs }]);
    await until(async () => ((await second?.count('skipped')) ?? 0) > 0, 20_000);
    expect(runs).toBe(0);
    // As when the holder was suspended for longer than its lease.
    await redis.client.del(`${prefix}job:long:{job}:lock`);
    await until(() => runs > 0, 20_000);
    await until(() => isAborted, 20_000);
  });

  test('need no more rights than the shipped configuration gives', async () => {
    const script = await readFile(projectPath('deploy', 'redis', 'secrets.sh'), 'utf8');
    const rules = /^user app on .*? ~\S+ &\S+ (.*)$/m.exec(script)?.[1]?.split(' ') ?? [];
    expect(rules).toContain('-@dangerous');
    const admin = await connect();
    await admin.client.call(
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>only-for-tests',
      `~${prefix}*`,
      `&${prefix}*`,
      ...rules,
    );
    const url = server.url.replace('//', '//app:only-for-tests@');
    const redis = connectRedis(testConfig({ REDIS_URL: url, REDIS_KEY_PREFIX: prefix }), silent);
    stops.push(() => redis.close());
    await until(() => redis.isUp());
    const { runner, log } = process(redis, prefix);
    let runs = 0;
    runner.start([{ name: 'allowed', every: 0.1, run: () => ++runs }]);
    await until(() => runs > 1 || log.lines.some(({ msg }) => msg === 'job waits for redis'), 20_000);
    expect(log.lines.filter(({ msg }) => msg === 'job waits for redis')).toEqual([]);
  });

  test('wait for a Redis that is away, with one log line, and go on by themselves', async () => {
    const one = process(await connect(), prefix);
    let runs = 0;
    await server.kill();
    one.runner.start([{ name: 'patient', every: 0.2, run: () => ++runs }]);
    await one.log.waitForLine(({ msg }) => msg === 'job waits for redis');
    expect(runs).toBe(0);
    await server.restart();
    await until(() => runs > 0, 20_000);
    expect(one.log.lines.filter(({ msg }) => msg === 'job waits for redis')).toHaveLength(1);
  });
});
