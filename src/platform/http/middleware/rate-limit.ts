import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { outageLog, type OutageLog } from '../../observability/outage-log.ts';
import type { Logger } from '../../observability/logger.ts';
import type { RedisConnection } from '../../redis/connection.ts';
import { clientAddress } from '../client-address.ts';
import { HttpError } from '../errors.ts';
import { guard } from '../guard.ts';

export interface RateLimitOptions {
  /** Names the limit in its headers and keys: lower case letters, digits and dashes. Two limits need two names. */
  readonly name: string;
  /** How many requests are let through … */
  readonly points: number;
  /** … within this number of seconds, counted from the first. */
  readonly perSeconds: number;
  /** The client that it counts; by default its address. */
  readonly key?: (req: Request) => string;
}

/** A limit as a middleware. */
export interface RateLimit extends RequestHandler {
  /** Gives the request's client all points back. Never fails: while Redis is away the points come back with time. */
  reset(req: Request): Promise<void>;
}

export interface RateLimiterOptions {
  /** Where the counts are shared; undefined: each process counts for itself. */
  readonly redis?: RedisConnection | undefined;
  /** In front of every key. */
  readonly prefix?: string;
  readonly logger: Logger;
}

/**
 * Makes limits that all processes share through Redis. While Redis is away each process counts in its own memory: a
 * limit that then is n times as high is better than none, and than rejecting everybody.
 *
 * @throws {Error} when a limit's name is not of the form its headers and keys need.
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ RateLimit and RateLimit-Policy
 * @example
 * const rateLimit = createRateLimiter({ redis, prefix: 'app:', logger });
 * app.use('/api/search', rateLimit({ name: 'search', points: 60, perSeconds: 60 }));
 */
export function createRateLimiter({ redis, prefix = '', logger }: RateLimiterOptions) {
  const log = outageLog(logger, {
    failed: 'rate limits are counted in the memory of each process',
    worked: 'rate limits are counted in Redis again',
  });
  return ({ name, points, perSeconds, key = clientAddress }: RateLimitOptions): RateLimit => {
    if (!NAME.test(name)) throw new Error(`a rate limit may not be named "${name}": use a-z, 0-9 and -`);
    const options = { keyPrefix: `${prefix}limit:${name}`, points, duration: perSeconds };
    const memory = new RateLimiterMemory(options);
    const shared =
      redis && new RateLimiterRedis({ ...options, storeClient: redis.client, rejectIfRedisNotReady: true });
    const policy = `"${name}";q=${points};w=${perSeconds}`;

    const middleware = async (req: Request, res: Response, next: NextFunction) => {
      const left = await take(key(req), memory, shared, log);
      const seconds = Math.max(Math.ceil(left.msBeforeNext / 1000), 1);
      // A request may pass several limits, each with its own.
      res.append('RateLimit-Policy', policy);
      res.append('RateLimit', `"${name}";r=${left.remainingPoints};t=${seconds}`);
      if (left.consumedPoints > points) {
        throw new HttpError('RATE_LIMITED', { headers: { 'Retry-After': String(seconds) } });
      }
      next();
    };
    const reset = async (req: Request) => {
      await memory.delete(key(req));
      await shared?.delete(key(req)).catch(() => false);
    };
    return Object.assign(guard(middleware, ['RATE_LIMITED']), { reset });
  };
}

const NAME = /^[a-z0-9-]{1,64}$/;

/**
 * Takes one point in Redis, or in memory when Redis fails. rate-limiter-flexible's own insurance does the same without a
 * report: a Redis that rejects the script (ACL, read-only) would never be noticed.
 */
async function take(
  key: string,
  memory: RateLimiterMemory,
  shared: RateLimiterRedis | undefined,
  log: OutageLog,
): Promise<RateLimiterRes> {
  if (!shared) return count(memory, key);
  try {
    const left = await count(shared, key);
    log.worked();
    return left;
  } catch (thrown) {
    log.failed(thrown);
    return count(memory, key);
  }
}

/** rate-limiter-flexible rejects with a result when no point is left, else with an error. */
async function count(limiter: Pick<RateLimiterMemory, 'consume'>, key: string): Promise<RateLimiterRes> {
  return limiter.consume(key).catch((thrown: unknown) => {
    if (thrown instanceof RateLimiterRes) return thrown;
    throw thrown;
  });
}
