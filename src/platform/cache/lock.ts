import { randomUUID } from 'node:crypto';
import type { RedisClient } from '../redis/client.ts';

/** How long a lock outlives a process that was killed, in milliseconds. */
const LOCK_MS = 3000;
const RENEW_MS = LOCK_MS / 3;

/** A load that takes longer, in milliseconds, is taken for stuck: another process may try. */
export const STUCK_MS = 60_000;

/** For how long others know that a load failed, in milliseconds: they don't queue for the next failure. */
const FAILED_MS = 1000;

const CLAIM = `
local holder = redis.call('GET', KEYS[1])
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 'mine'
end
return holder == 'failed' and 'failed' or 'busy'`;

// Only the holder may touch a lock: it may have expired, and be another's by now.
const RENEW = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;
const FAIL = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], 'failed', 'PX', ARGV[2]) end
return 0`;

/** The right to load a key, over all processes. */
export interface Lock {
  /** Gives it back. Never fails: a lock that can't be given back expires. */
  release(outcome: 'stored' | 'failed'): Promise<void>;
}

/**
 * Takes the lock if it is free, and renews it until it is given back.
 *
 * @returns `busy` where somebody loads right now, `failed` where somebody tried within the last second.
 * @throws what ioredis throws when Redis does not answer.
 * @see https://redis.io/docs/latest/develop/use/patterns/distributed-locks/#correct-implementation-with-a-single-instance
 */
export async function claim(client: RedisClient, name: string): Promise<Lock | 'busy' | 'failed'> {
  const token = randomUUID();
  const answer = (await client.eval(CLAIM, 1, name, token, LOCK_MS)) as 'mine' | 'busy' | 'failed';
  if (answer !== 'mine') return answer;
  const stuckAt = performance.now() + STUCK_MS;
  const renewal = setInterval(() => {
    if (performance.now() > stuckAt) clearInterval(renewal);
    else client.eval(RENEW, 1, name, token, LOCK_MS).catch(() => undefined);
  }, RENEW_MS).unref();
  return {
    release: async (outcome) => {
      clearInterval(renewal);
      const [script, ...rest] = outcome === 'stored' ? [RELEASE] : [FAIL, FAILED_MS];
      await client.eval(script, 1, name, token, ...rest).catch(() => undefined);
    },
  };
}
