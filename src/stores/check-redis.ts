import type { Config } from '../config.ts';
import type { RedisTarget } from '../config/redis-url.ts';
import type { RedisClient } from './redis-client.ts';
import { withRedis } from './with-redis.ts';

/** How long the key that is written stays where it can't be deleted, in milliseconds. */
const KEY_MS = 10_000;

/**
 * Tries what the app needs from Redis: a connection, the database that `REDIS_URL` names, and to write, read and delete one
 * key under the prefix.
 *
 * @returns a line for each thing that does not work; none without a `REDIS_URL`.
 */
export async function checkRedis(config: Pick<Config, 'REDIS_URL' | 'REDIS_KEY_PREFIX'>): Promise<string[]> {
  const { REDIS_URL, REDIS_KEY_PREFIX } = config;
  if (!REDIS_URL) return [];
  try {
    return await withRedis(REDIS_URL, (client) =>
      tryCommands(client, REDIS_URL, `${REDIS_KEY_PREFIX}doctor`),
    );
  } catch (error) {
    return [`Redis can't be used: ${(error as Error).message}`];
  }
}

async function tryCommands(client: RedisClient, target: RedisTarget, key: string): Promise<string[]> {
  const problems: string[] = [];
  const attempt = async (name: string, command: () => Promise<unknown>) => {
    await command().catch((error: unknown) => {
      problems.push(`Redis refuses ${name}: ${(error as Error).message}`);
    });
  };
  await attempt('PING', () => client.ping());
  if (target.kind !== 'cluster' && target.db > 0) {
    await attempt(`database ${target.db}`, () => client.select(target.db));
  }
  await attempt(`to write ${key}`, () => client.set(key, '1', 'PX', KEY_MS));
  await attempt(`to read ${key}`, () => client.get(key));
  await attempt(`to delete ${key}`, () => client.del(key));
  return problems;
}
