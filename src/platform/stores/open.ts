import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../cache/cache.ts';
import { createCache } from '../cache/layered.ts';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { MemorySessions } from '../sessions/memory-sessions.ts';
import { redisSessions } from '../sessions/redis-sessions.ts';
import type { SessionStorage } from '../sessions/session-store.ts';

/** Everything that outlives a request: in Redis, or in this process's memory. */
export interface Stores {
  readonly kind: PlatformConfig['STORE'];
  /** The connection for commands; undefined with the memory store. */
  readonly redis: RedisConnection | undefined;
  readonly sessions: SessionStorage;
  readonly cache: Cache;
  /** undefined for the memory store, which is never away. */
  isUp(): boolean | undefined;
  /** Why it is down, or what it refuses although it is up; undefined when all is well. */
  problem(): string | undefined;
  close(): Promise<void>;
}

/** How long a start waits for Redis, in milliseconds, before it goes on without: the app must come up either way. */
const FIRST_CONNECTION_MS = 2000;

/**
 * Opens what `STORE` names: Redis, or this process's memory. Waits a little for Redis, and does not fail without it.
 *
 * @param options.sessionsFile - keeps the sessions in memory over a restart, in development only.
 */
export async function openStores(
  config: PlatformConfig,
  logger: Logger,
  metrics: Metrics,
  { sessionsFile }: { sessionsFile?: string } = {},
): Promise<Stores> {
  if (config.STORE === 'redis') return openRedis(config, logger, metrics);
  return openMemory(config, logger, config.NODE_ENV === 'development' ? sessionsFile : undefined);
}

const cacheOptions = (config: PlatformConfig) => ({
  prefix: config.REDIS_KEY_PREFIX,
  maxBytes: config.CACHE_MAX_MB * 1024 * 1024,
});

async function openRedis(config: PlatformConfig, logger: Logger, metrics: Metrics): Promise<Stores> {
  // Only where it is used: the client is a tenth of what the app needs to start.
  const { connectRedis } = await import('../redis/connection.ts');
  const redis = connectRedis(config, logger);
  const subscriber = connectRedis(config, logger, { role: 'subscriber' });
  redis.onChange((up) => {
    metrics.redisUp.set(up ? 1 : 0);
  });
  const cache = createCache({ redis, subscriber, logger, ...cacheOptions(config) });
  await Promise.race([redis.settled, sleep(FIRST_CONNECTION_MS, undefined, { ref: false })]);
  return {
    kind: 'redis',
    redis,
    sessions: redisSessions(redis, config.REDIS_KEY_PREFIX),
    cache,
    isUp: () => redis.isUp(),
    // While the subscriber is away, nothing is wrong: entries in memory are looked up in Redis meanwhile.
    problem: () => (redis.problem() ?? (subscriber.isUp() ? subscriber.problem() : undefined))?.reason,
    close: async () => {
      await cache.close();
      await Promise.all([redis.close(), subscriber.close()]);
    },
  };
}

async function openMemory(config: PlatformConfig, logger: Logger, file?: string): Promise<Stores> {
  logger[config.NODE_ENV === 'production' ? 'warn' : 'info'](
    'sessions and cache are in the memory of this process and end with it; set REDIS_URL to keep them',
  );
  const sessions = new MemorySessions();
  if (file) await sessions.load(file);
  const cache = createCache({ logger, ...cacheOptions(config) });
  return {
    kind: 'memory',
    redis: undefined,
    sessions,
    cache,
    isUp: () => undefined,
    problem: () => undefined,
    close: async () => {
      if (file) await sessions.save(file);
      await cache.close();
    },
  };
}
