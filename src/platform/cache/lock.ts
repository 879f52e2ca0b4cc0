import { randomUUID } from 'node:crypto';
import type { RedisClient } from '../redis/client.ts';

/** How long a lock outlives a process that was killed, in milliseconds. */
const LOCK_MS = 3000;
const RENEW_MS = LOCK_MS / 3;

/** A load that takes longer, in milliseconds, counts as stuck: another process may try. */
export const STUCK_MS = 60_000;

/** How long a failed load is remembered, in milliseconds: the others do not queue for the next failure. */
const FAILED_MS = 1000;

const CLAIM = `
local holder = redis.call('GET', KEYS[1])
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 'mine'
end
return holder == 'failed' and 'failed' or 'busy'`;

// Only the holder may change a lock: it may have expired, and belong to another process.
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == 'stored' then return redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], 'failed', 'PX', ARGV[3])`;

/** The right to load a key, over all processes. */
export interface Lock {
  /** Never fails: a lock that cannot be released expires. */
  release(outcome: 'stored' | 'failed'): Promise<void>;
}

/**
 * Takes the lock if it is free, and renews it until it is released.
 *
 * @returns `busy` where another process loads right now, `failed` where one tried within the last second.
 * @throws what ioredis throws when Redis does not respond.
 * @see https://redis.io/docs/latest/develop/use/patterns/distributed-locks/#correct-implementation-with-a-single-instance
 */
export async function claim(client: RedisClient, name: string): Promise<Lock | 'busy' | 'failed'> {
  const token = randomUUID();
  const reply = (await client.eval(CLAIM, 1, name, token, LOCK_MS)) as 'mine' | 'busy' | 'failed';
  if (reply !== 'mine') return reply;
  const stuckAt = performance.now() + STUCK_MS;
  const renewal = setInterval(() => {
    if (performance.now() > stuckAt) clearInterval(renewal);
    else client.eval(RENEW, 1, name, token, LOCK_MS).catch(() => undefined);
  }, RENEW_MS).unref();
  return {
    release: async (outcome) => {
      clearInterval(renewal);
      await client.eval(RELEASE, 1, name, token, outcome, FAILED_MS).catch(() => undefined);
    },
  };
}
