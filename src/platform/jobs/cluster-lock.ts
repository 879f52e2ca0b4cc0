import { randomUUID } from 'node:crypto';
import type { RedisClient } from '../redis/client.ts';

/** How long a lock outlives a process that was killed, in milliseconds. */
const LEASE_MS = 10_000;
const RENEW_MS = LEASE_MS / 3;

/**
 * One hash per job: who runs it and until when, when the next run is due, and how many runs there were. Redis' own clock
 * decides, because those of hosts differ. One key, so that it works on a Redis Cluster.
 *
 * Returns the number of the run and 0; or 0 and the milliseconds until the job may be due.
 */
const CLAIM = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'leaseUntil', 'dueAt')
local dueAt = tonumber(state[2] or 0)
if tonumber(state[1] or 0) > now then return {0, math.max(dueAt - now, 1), 1} end
if dueAt > now then return {0, dueAt - now, 0} end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'leaseUntil', now + ARGV[2], 'dueAt', now + ARGV[3])
return {redis.call('HINCRBY', KEYS[1], 'fence', 1), 0, 0}`;

/** Only the holder may touch a lease: it may have expired, and be another's by now. */
const EXTEND = `
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'leaseUntil', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
return 1`;

/** The right to run a job. */
export interface Lease {
  readonly fence: number;
  /** Fires when the right is lost: another process may run the job by now. */
  readonly lost: AbortSignal;
  /** Gives it back. Never fails: a lease that cannot be given back expires. */
  release(): Promise<void>;
}

/** Not now: another process runs the job, or ran it already; when to ask again, in milliseconds. */
export interface NotDue {
  readonly waitMs: number;
  readonly isRunning: boolean;
}

/**
 * Claims the run of a job that is due, for one process of all.
 *
 * @param everyMs - how long after the start of this run the next one is due.
 * @throws what ioredis throws when Redis does not answer.
 * @see https://redis.io/docs/latest/develop/use/patterns/distributed-locks/#correct-implementation-with-a-single-instance
 */
export async function claimRun(client: RedisClient, key: string, everyMs: number): Promise<Lease | NotDue> {
  const token = randomUUID();
  const reply = (await client.eval(CLAIM, 1, key, token, LEASE_MS, everyMs)) as [number, number, number];
  const [fence, waitMs, isRunning] = reply;
  if (fence === 0) return { waitMs, isRunning: isRunning === 1 };
  return hold(client, key, token, fence);
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
