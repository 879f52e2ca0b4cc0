import type { Logger } from '../observability/logger.ts';
import type { RedisConnection } from '../redis/connection.ts';

/** Fresh from the cache; from the cache while a new value is loaded; or loaded for this call. */
export type CacheState = 'HIT' | 'STALE' | 'MISS';

export interface CacheResult<T> {
  readonly value: T;
  readonly state: CacheState;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
}

export type Load<T> = () => T | Promise<T>;

export interface CacheOptions {
  /** Seconds for which the value is fresh. */
  readonly ttl: number;
  /** Seconds after that for which it may still be returned, while a new one is loaded or loading fails. Default 0. */
  readonly stale?: number;
  /** Names by which it can be purged, beside its key. */
  readonly tags?: readonly string[];
}

/** A cache in this process's memory, in front of the one in Redis that all processes share. */
export interface Cache {
  /**
   * The value of this key: from the cache, or else from `load`, which runs once at a time over all processes.
   *
   * All callers get the same value, so it is frozen; Buffers, Maps and Sets cannot be: do not change them. It is a
   * copy of what `load` returned, as V8 stores it: instances of your classes come back as plain objects.
   * Redis being away is a miss, not an error.
   *
   * @throws whatever `load` throws, when there is no stale value to return instead. Errors are not cached.
   * @throws {RangeError} when ttl and stale are out of range: ttl above 0, both together at most 24 hours.
   * @throws {TypeError} when the value cannot be stored, for example because it contains a function.
   */
  wrap<T>(key: string, options: CacheOptions, load: Load<T>): Promise<T>;
  /** `wrap`, and where the value came from. */
  fetch<T>(key: string, options: CacheOptions, load: Load<T>): Promise<CacheResult<T>>;
  /**
   * Drops the value of a key in every process. A load that is under way is not stored. The promise: after the response
   * to a change, this process shows the change at once and every other one within a second, always.
   *
   * @returns true when that holds. False when Redis cannot be reached: the purge took effect in this process, and does in
   *   the others when Redis is back, so do not confirm the change (STORE_UNAVAILABLE). Never rejects; takes at most 0.7 s.
   */
  purgeKey(key: string): Promise<boolean>;
  /** Drops all values with this tag, like `purgeKey`. */
  purgeTag(tag: string): Promise<boolean>;
  /**
   * When this process last received, or may have missed, a purge of this tag: `performance.now()` milliseconds, or
   * -Infinity. Do not return what was read before, not even as a fallback.
   */
  purgedAt(tag: string): number;
  /** Stops listening for purges. The connections stay open: they belong to their opener. */
  close(): Promise<void>;
}

export interface CacheParts {
  /** Without it the cache is this process's memory alone. */
  readonly redis?: RedisConnection | undefined;
  /** A connection of its own that receives purges (role `subscriber`); without it, memory is used for a second only. */
  readonly subscriber?: RedisConnection | undefined;
  readonly logger: Logger;
  /** In front of all keys in Redis. */
  readonly prefix: string;
  /** The most memory that this process's entries take together. */
  readonly maxBytes: number;
}

/** ttl and stale together, in seconds: versions in Redis must outlive every entry. */
export const MAX_LIFETIME_SECONDS = 24 * 60 * 60;

/** @throws {RangeError} when ttl and stale are out of range. */
export function assertLifetime({ ttl, stale = 0 }: Pick<CacheOptions, 'ttl' | 'stale'>): void {
  if (ttl > 0 && stale >= 0 && ttl + stale <= MAX_LIFETIME_SECONDS) return;
  throw new RangeError(
    `ttl is ${ttl} and stale ${stale}: ttl must be above 0, and both together at most ${MAX_LIFETIME_SECONDS} seconds`,
  );
}

/**
 * Thrown by a load whose value must not be stored. Waiting callers get the error; a stale value is dropped, because it is
 * no longer true. (After any other error a stale value is still returned.)
 */
export class NotCacheable extends Error {
  override readonly name: string = 'NotCacheable';
}
