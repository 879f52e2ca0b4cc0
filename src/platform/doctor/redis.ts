import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../observability/logger.ts';
import { connectRedis, type RedisConfig, type RedisConnection, type RedisRole } from '../redis/connection.ts';

/** How long a connection is waited for, in milliseconds. */
const CONNECT_MS = 5000;

/** Connects once, for as long as `use` takes. `use` has to look whether there is a connection. */
export async function withRedis<Result>(
  config: RedisConfig,
  role: RedisRole,
  use: (redis: RedisConnection) => Result | Promise<Result>,
): Promise<Result> {
  const redis = connectRedis(config, createLogger({ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' }), { role });
  try {
    await Promise.race([redis.settled, sleep(CONNECT_MS, undefined, { ref: false })]);
    return await use(redis);
  } finally {
    await redis.close();
  }
}

/** What is wrong with the Redis of this configuration, one line per problem without secrets. Leaves no key. Never rejects. */
export async function checkRedis(config: RedisConfig): Promise<string[]> {
  if (!config.REDIS_URL) return [];
  const roles = ['commands', 'subscriber'] as const;
  const problems = roles.map((role) => withRedis(config, role, (redis) => redis.problem()?.detail));
  const details = new Set(await Promise.all(problems));
  return [...details].flatMap((detail) => (detail === undefined ? [] : `cannot use Redis: ${detail}`));
}
