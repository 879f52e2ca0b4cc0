import { once } from 'node:events';
import type { RedisTarget } from '../config/redis-url.ts';
import { createRedisClient, type RedisClient } from './redis-client.ts';

/** How long the connection may take, in milliseconds. */
const CONNECT_MS = 5000;

/**
 * Connects once, for as long as `use` takes.
 *
 * @throws {Error} when there is no connection, or the login or the database is refused.
 */
export async function withRedis<Result>(
  target: RedisTarget,
  use: (client: RedisClient) => Promise<Result>,
): Promise<Result> {
  const client = createRedisClient(target);
  // ioredis writes errors that nobody listens to on stderr.
  client.on('error', () => undefined);
  try {
    // Rejects with the first error.
    await once(client, 'ready', { signal: AbortSignal.timeout(CONNECT_MS) });
    return await use(client);
  } finally {
    client.disconnect();
  }
}
