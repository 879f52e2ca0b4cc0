import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createCache } from '../cache/layered.ts';
import { keepSessions } from '../sessions/kept-sessions.ts';
import { MemorySessionStore } from '../sessions/memory-session-store.ts';
import type { Stores } from './stores.ts';

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
  if (config.STORE === 'memory') return openMemory(config, logger, sessionsFile);
  // Only where it is used: the client is a tenth of what the app needs to start.
  const { openRedis } = await import('./open-redis.ts');
  return openRedis(config, logger, metrics);
}

async function openMemory(
  config: PlatformConfig,
  logger: Logger,
  sessionsFile: string | undefined,
): Promise<Stores> {
  const notice =
    'sessions and cache live in the memory of this process and end with it; set REDIS_URL to keep them';
  if (config.NODE_ENV === 'production') logger.warn(notice);
  else logger.info(notice);
  const cache = createCache({
    logger,
    prefix: config.REDIS_KEY_PREFIX,
    maxBytes: config.CACHE_MAX_MB * 1024 * 1024,
  });
  const sessions = new MemorySessionStore({ config });
  const isKept = config.NODE_ENV === 'development' && sessionsFile !== undefined;
  const keep = isKept ? await keepSessions(sessions, sessionsFile) : undefined;
  return {
    kind: 'memory',
    redis: undefined,
    sessions,
    cache,
    isUp: () => undefined,
    problem: () => undefined,
    close: async () => {
      await keep?.();
      await cache.close();
    },
  };
}
