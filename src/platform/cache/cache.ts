import type { Logger } from '../observability/logger.ts';
import type { CacheOptions } from './options.ts';
import type { RedisConnection } from '../redis/connection.ts';

export { NotCacheable, type CacheOptions } from './options.ts';

/** Fresh from the cache; from the cache and being loaded anew; or loaded for this call. */
export type CacheState = 'HIT' | 'STALE' | 'MISS';

export interface CacheResult<T> {
  readonly value: T;
  readonly state: CacheState;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
}

export type Load<T> = () => T | Promise<T>;

/** A cache in this process's memory, in front of the one in Redis that all processes share. */
export interface Cache {
  /**
   * The value of this key: from the cache, or else from `load`, which runs once at a time over all processes.
   *
   * Everybody is given the same value, so it is frozen; Buffers, Maps and Sets can't be: don't change them. It is a
   * copy of what `load` returned, as V8 stores it: instances of your classes come back as plain objects.
   * Redis being away is a miss, not an error.
   *
   * @throws whatever `load` throws, when there is no stale value to give out instead. Errors are not cached.
   * @throws {RangeError} when ttl and stale are no sensible lifetime: ttl above 0, both together at most 24 hours.
   * @throws {TypeError} when the value can't be stored, for example because there is a function in it.
   */
  wrap<T>(key: string, options: CacheOptions, load: Load<T>): Promise<T>;
  /** `wrap`, and where the value came from. */
  fetch<T>(key: string, options: CacheOptions, load: Load<T>): Promise<CacheResult<T>>;
  /**
   * Drops the value of a key in every process. A load that is under way fills the cache no more. The promise:
   * after the response to a change, this process shows the change at once and every other one within a second, always.
   *
   * @returns true when that holds. False when Redis can't be reached: the purge took effect in this process, and does in
   *   the others when Redis is back, so don't confirm the change (STORE_UNAVAILABLE). Never rejects; takes at most 0.7 s.
   */
  purgeKey(key: string): Promise<boolean>;
  /** Drops all values with this tag, like `purgeKey`. */
  purgeTag(tag: string): Promise<boolean>;
  /**
   * When this process last heard, or may have missed, that this tag was purged: `performance.now()` milliseconds, or
   * -Infinity. What was read before is not to be given out any more, not even as a fallback.
   */
  purgedAt(tag: string): number;
  /** Stops listening for purges. The connections stay open: they belong to whoever opened them. */
  close(): Promise<void>;
}

export interface CacheParts {
  /** Without it the cache is this process's memory alone. */
  readonly redis?: RedisConnection | undefined;
  /** A connection of its own that hears purges (role `subscriber`); without it, memory counts for a second only. */
  readonly subscriber?: RedisConnection | undefined;
  readonly logger: Logger;
  /** In front of all keys in Redis. */
  readonly prefix: string;
  /** The most memory this process's entries take together. */
  readonly maxBytes: number;
  /** Called at each look-up that found or loaded a value. */
  readonly onLookup?: ((state: CacheState) => void) | undefined;
}
