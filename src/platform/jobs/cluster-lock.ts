import { randomUUID } from 'node:crypto';
import type { RedisClient } from '../redis/client.ts';

/** How long a lock outlives a process that was killed, in milliseconds. */
const LEASE_MS = 10_000;
const RENEW_MS = LEASE_MS / 3;

/**
 * Three keys per job: who runs it, that the next run is not due yet, and the number of runs. The first two expire by Redis'
 * own clock, because those of hosts differ.
 *
 * Returns the number of the run, or 0, and the milliseconds until the next run is due.
 */
const CLAIM = `
local due = redis.call('PTTL', KEYS[2])
if due > 0 or redis.call('EXISTS', KEYS[1]) == 1 then return {0, due} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return {redis.call('INCR', KEYS[3]), 0}`;

/** Only its holder may change a lease: it may have expired, and belong to another process. */
const EXTEND = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** The right to run a job. */
export interface Lease {
  readonly fence: number;
  /** Fires when the right is lost: another process may run the job by now. */
  readonly lost: AbortSignal;
  /** Releases it. Never fails: a lease that cannot be released expires. */
  release(): Promise<void>;
}

/**
 * Claims the run of a job that is due, for one process of all.
 *
 * @param everyMs - how long after the start of this run the next one is due.
 * @returns the right to run it; or, where another process runs it or has run it, the milliseconds until the next run is
 *   due: below 1 where it is due, and the run before it takes too long.
 * @throws what ioredis throws when Redis does not answer.
 * @see https://redis.io/docs/latest/develop/use/patterns/distributed-locks/#correct-implementation-with-a-single-instance
 */
export async function claimRun(client: RedisClient, key: string, everyMs: number): Promise<Lease | number> {
  const token = randomUUID();
  // The braces have a Redis Cluster keep the three in one place.
  const keys = ['lock', 'due', 'fence'].map((name) => `${key}:{job}:${name}`);
  const [lock = ''] = keys;
  const reply = await client.eval(CLAIM, keys.length, ...keys, token, LEASE_MS, Math.ceil(everyMs));
  const [fence, waitMs] = reply as [number, number];
  return fence === 0 ? waitMs : hold(client, lock, token, fence);
}

function hold(client: RedisClient, key: string, token: string, fence: number): Lease {
  const lost = new AbortController();
  let validUntil = performance.now() + LEASE_MS;
  const extend = async (leaseMs: number): Promise<void> => {
    const askedAt = performance.now();
    const isHeld = await client.eval(EXTEND, 1, key, token, leaseMs).catch(() => undefined);
    if (isHeld === 1) validUntil = askedAt + leaseMs;
    if (isHeld === 0 || performance.now() > validUntil)
      lost.abort(new Error('another process may run the job'));
  };
  const renewal = setInterval(() => void extend(LEASE_MS), RENEW_MS).unref();
  return {
    fence,
    lost: lost.signal,
    release: async () => {
      clearInterval(renewal);
      await extend(0);
    },
  };
}
