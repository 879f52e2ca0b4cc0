import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createCache } from '../cache/layered.ts';
import { connectRedis } from '../redis/connection.ts';
import { createRedisSessionStore } from '../sessions/redis-session-store.ts';
import type { Stores } from './stores.ts';

/** How long a start waits for Redis, in milliseconds, before it goes on without: the app must come up either way. */
const FIRST_CONNECTION_MS = 2000;

/** Sessions, cache and data in the Redis that `REDIS_URL` names. */
export async function openRedis(config: PlatformConfig, logger: Logger, metrics: Metrics): Promise<Stores> {
  const redis = connectRedis(config, logger);
  const subscriber = connectRedis(config, logger, { role: 'subscriber' });
  redis.onChange((up) => {
    metrics.redisUp.set(up ? 1 : 0);
  });
  const cache = createCache({
    redis,
    subscriber,
    logger,
    prefix: config.REDIS_KEY_PREFIX,
    maxBytes: config.CACHE_MAX_MB * 1024 * 1024,
  });
  const stores: Stores = {
    kind: 'redis',
    redis,
    sessions: createRedisSessionStore({ redis, config, logger }),
    cache,
    isUp: () => redis.isUp(),
    // While the subscriber is away, nothing is wrong: what is in memory is looked up in Redis meanwhile.
    problem: () => redis.problem() ?? (subscriber.isUp() ? subscriber.problem() : undefined),
    close: async () => {
      await cache.close();
      await Promise.all([redis.close(), subscriber.close()]);
    },
  };
  await Promise.race([redis.settled, sleep(FIRST_CONNECTION_MS, undefined, { ref: false })]);
  return stores;
}
