import { randomUUID } from 'node:crypto';
import { on } from 'node:events';
import { createLogger, type Logger } from '../../src/platform/observability/logger.ts';
import type { Cache } from '../../src/platform/cache/cache.ts';
import { createCache } from '../../src/platform/cache/layered.ts';
import { connectRedis, type RedisConnection } from '../../src/platform/redis/connection.ts';
import { testConfig } from './config.ts';
import { until } from './until.ts';

export const silent: Logger = createLogger({ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' });

/** A cache as one process has it, with its two connections. */
export interface Instance {
  readonly cache: Cache;
  readonly redis: RedisConnection;
  readonly subscriber: RedisConnection;
  close(): Promise<void>;
}

/** A prefix nobody else uses: the Redis of a test may be shared. */
export const newPrefix = () => `test:${randomUUID()}:`;

/** Starts a cache like a process of its own, and waits until it is connected and listens. */
export async function startInstance(
  url: string,
  prefix: string,
  { maxBytes = 1024 * 1024, subscriberUrl = url, logger = silent } = {},
): Promise<Instance> {
  const redis = connectRedis(testConfig({ REDIS_URL: url }), logger);
  const subscriber = connectRedis(testConfig({ REDIS_URL: subscriberUrl }), logger, { role: 'subscriber' });
  const cache = createCache({ redis, subscriber, logger, prefix, maxBytes });
  await until(() => redis.isUp() && subscriber.isUp());
  const instance = {
    cache,
    redis,
    subscriber,
    close: async () => {
      await cache.close();
      await Promise.all([redis.close(), subscriber.close()]);
    },
  };
  await heartbeat(instance);
  return instance;
}

/** Waits until a heartbeat came back that was sent after this call: memory is used without a look into Redis. */
export async function heartbeat({ subscriber }: Pick<Instance, 'subscriber'>): Promise<void> {
  const calledAt = performance.now();
  for await (const [, message] of on(subscriber.client, 'message') as AsyncIterable<[string, string]>)
    if (Number(message) > calledAt) return;
}

/** A load that ends when the test calls `finish`, and counts how often it began. */
export function heldLoad<T>(value: T) {
  let finish: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const held = {
    count: 0,
    finish: () => {
      finish();
    },
    load: async () => {
      held.count++;
      await gate;
      return value;
    },
  };
  return held;
}
