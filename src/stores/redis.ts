import type { Config } from '../config.ts';
import type { Logger } from '../runtime/logger.ts';
import { createRedisClient, type RedisClient } from './redis-client.ts';

export interface RedisConnection {
  readonly client: RedisClient;
  /** Whether a command has a chance right now. */
  isUp(): boolean;
  /** Calls back on each change between up and down. */
  onChange(listener: (up: boolean) => void): void;
  /** Resolves when the first attempt to connect has come to an end, good or bad. */
  readonly settled: Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects to what `REDIS_URL` names, and keeps connecting for as long as the process lives. Does not wait and does
 * not fail: an app must start, and serve what it can, while Redis is away.
 *
 * @param options.role - `subscriber` for a connection that only listens; silence is normal there, so it has no socket
 *   timeout.
 */
export function connectRedis(
  config: Pick<Config, 'REDIS_URL'>,
  logger: Logger,
  { role = 'commands' }: { role?: RedisRole } = {},
): RedisConnection {
  if (!config.REDIS_URL) throw new Error('connectRedis needs a REDIS_URL');
  const client = createRedisClient(config.REDIS_URL, { socketTimeout: role === 'commands' });
  const listeners: ((up: boolean) => void)[] = [];
  const closing = new AbortController();
  reportChanges(client, { logger, role, closing: closing.signal }, (up) => {
    for (const listener of listeners) listener(up);
  });
  return {
    client,
    isUp: () => client.status === 'ready',
    settled: new Promise((resolve) => {
      listeners.push(() => {
        resolve();
      });
    }),
    onChange: (listener) => listeners.push(listener),
    close: async () => {
      closing.abort();
      await client.quit().catch(() => undefined);
      client.disconnect();
    },
  };
}

type RedisRole = 'commands' | 'subscriber';

/** Tells the log and the callback when Redis comes and goes: one line a change, or an outage of an hour fills the disk. */
function reportChanges(
  client: RedisClient,
  { logger, role, closing }: { logger: Logger; role: RedisRole; closing: AbortSignal },
  onChange: (up: boolean) => void,
): void {
  let up: boolean | undefined;
  let reason = 'no connection yet';
  const change = (now: boolean) => {
    if (up === now) return;
    up = now;
    if (now) logger.info({ role }, 'redis is up');
    else logger.error({ role, reason }, 'redis is down; reconnecting until it is back');
    onChange(now);
  };
  client.on('ready', () => {
    change(true);
  });
  client.on('close', () => {
    if (!closing.aborted) change(false);
  });
  client.on('error', (error: Error) => {
    reason = error.message;
  });
}
