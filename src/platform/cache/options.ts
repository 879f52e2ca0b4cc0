import { MAX_LIFETIME_SECONDS } from './shared.ts';

export interface CacheOptions {
  /** Seconds for which the value is fresh. */
  readonly ttl: number;
  /** Seconds after that for which it may still be given out, while a new one is loaded or loading fails. Default 0. */
  readonly stale?: number;
  /** What a purge may call it by, beside its key. */
  readonly tags?: readonly string[];
}

/** @throws {RangeError} when ttl and stale are no sensible lifetime. */
export function assertLifetime({ ttl, stale = 0 }: Pick<CacheOptions, 'ttl' | 'stale'>): void {
  if (ttl > 0 && stale >= 0 && ttl + stale <= MAX_LIFETIME_SECONDS) return;
  throw new RangeError(
    `ttl is ${ttl} and stale ${stale}: ttl must be above 0, and both together at most ${MAX_LIFETIME_SECONDS} seconds`,
  );
}

/**
 * Thrown by a load whose value must not be kept. Whoever waits gets the error; a stale value is dropped, because what
 * it says is no longer so. (After any other error a stale value goes on being given out.)
 */
export class NotCacheable extends Error {
  override readonly name: string = 'NotCacheable';
}
