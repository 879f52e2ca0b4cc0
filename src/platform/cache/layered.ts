import { LRUCache } from 'lru-cache';
import type { Logger } from '../observability/logger.ts';
import type { Cache, CacheParts, CacheResult, CacheState, Load } from './cache.ts';
import { UNSURE, type Entry } from './entry.ts';
import { SingleFlight, type Flight } from './single-flight.ts';
import { isFresh, Loads, type Call } from './loads.ts';
import { MemoryEntries } from './memory.ts';
import { keyName, RedisNames, tagName } from './names.ts';
import { assertLifetime, NotCacheable, type CacheOptions } from './options.ts';
import { Purges } from './purges.ts';
import { SharedEntries, type Found } from './shared.ts';

/** How long memory counts while purges may go unheard, in milliseconds: they must be seen within a second. */
const UNHEARD_MS = 900;

/** Until the next attempt to refresh a value after one failed, in milliseconds. */
const BACK_OFF_MS = 1000;

/** Refreshes that fail are told once in so many milliseconds: an outage must not fill the disk. */
const WARN_EVERY_MS = 10_000;

/** Memory first, then Redis, then the load. The contract is in cache.ts. */
export class LayeredCache implements Cache {
  readonly #memory: MemoryEntries;
  readonly #shared: SharedEntries | undefined;
  readonly #purges: Purges | undefined;
  readonly #lookups = new SingleFlight<Found | undefined>();
  readonly #loads: Loads;
  /** Keys whose refresh failed just now. */
  readonly #backOff = new LRUCache<string, true>({ max: 1000, ttl: BACK_OFF_MS });
  readonly #logger: Logger;
  readonly #onLookup: ((state: CacheState) => void) | undefined;
  /** When a purge of a name was last heard, in `performance.now()` milliseconds. */
  readonly #purgedAt = new LRUCache<string, number>({
    max: 10_000,
    dispose: (at, _name, why) => {
      if (why === 'evict') this.#gapAt = Math.max(this.#gapAt, at);
    },
  });
  /** Before this, purges of any name may have been missed. */
  #gapAt = -Infinity;
  #hasListened = false;
  #isGapPending = false;
  #warnedAt = -Infinity;

  constructor(parts: CacheParts) {
    const { redis, prefix, maxBytes, logger, onLookup } = parts;
    const names = new RedisNames(prefix);
    this.#memory = new MemoryEntries(maxBytes);
    this.#logger = logger;
    this.#onLookup = onLookup;
    this.#shared = redis && new SharedEntries(redis, names);
    this.#loads = new Loads({
      shared: this.#shared,
      counts: (since) => this.#counts(since),
      keep: (call, entry, since) => {
        this.#keep(call, entry, since);
      },
    });
    redis?.onChange((up) => {
      if (!up || !this.#isGapPending) return;
      this.#isGapPending = false;
      this.#gapAt = performance.now();
    });
    this.#purges = redis && this.#listen(parts, redis, names);
    const doubt = () => {
      this.#loads.doubtAll();
    };
    redis?.onFailure(doubt);
    redis?.onChange(doubt);
  }

  async wrap<T>(key: string, options: CacheOptions, load: Load<T>): Promise<T> {
    return (await this.fetch(key, options, load)).value;
  }

  async fetch<T>(key: string, options: CacheOptions, load: Load<T>): Promise<CacheResult<T>> {
    assertLifetime(options);
    const held = this.#memory.get(key);
    const isCurrent = held && held.entry.stamp !== UNSURE && this.#counts(held.verifiedAt);
    const usable = isCurrent && Date.now() < held.entry.staleUntil;
    if (usable && isFresh(held.entry)) return this.#result(held.entry, 'HIT');

    const names = [keyName(key), ...[...new Set(options.tags)].sort().map(tagName)];
    const call: Call = { key, options, names, load };
    const found = usable ? { entry: held.entry, stamp: '' } : await this.#lookUp(call);
    const entry = found ? found.entry : this.#unsure(key);
    if (!entry) return this.#result(await this.#loads.run(call, found), 'MISS');
    if (isFresh(entry)) return this.#result(entry, 'HIT');
    this.#refresh(call);
    return this.#result(entry, 'STALE');
  }

  purgeKey(key: string): Promise<boolean> {
    return this.#purge(keyName(key));
  }

  purgeTag(tag: string): Promise<boolean> {
    return this.#purge(tagName(tag));
  }

  purgedAt(tag: string): number {
    return Math.max(this.#purgedAt.get(tagName(tag)) ?? -Infinity, this.#gapAt);
  }

  async close(): Promise<void> {
    await this.#purges?.close();
    this.#memory.clear();
  }

  #result<T>(entry: Entry, state: CacheState): CacheResult<T> {
    this.#onLookup?.(state);
    return { value: entry.value as T, state, storedAt: entry.storedAt };
  }

  /** What was loaded less than a second ago, for when Redis gives no word: then not each request loads. */
  #unsure(key: string): Entry | undefined {
    const held = this.#memory.get(key);
    const isRecent = held && held.verifiedAt > performance.now() - UNHEARD_MS;
    return isRecent && held.entry.stamp === UNSURE && isFresh(held.entry) ? held.entry : undefined;
  }

  /** Asks Redis. Several callers ask once. */
  #lookUp(call: Call): Promise<Found | undefined> {
    const shared = this.#shared;
    if (!shared) return Promise.resolve(undefined);
    const mayJoin = ({ startedAt }: Flight) => this.#counts(startedAt);
    return this.#lookups.join(call.key, call.names, mayJoin, async (flight) => {
      const found = await shared.find(call.key, call.names);
      if (found?.entry && !flight.purged) this.#keep(call, found.entry, flight.startedAt);
      return found;
    });
  }

  #refresh(call: Call): void {
    if (this.#backOff.has(call.key) || this.#loads.isLoading(call.key)) return;
    this.#loads.refresh(call).then(
      (done) => {
        if (!done) this.#backOff.set(call.key, true);
      },
      (err: unknown) => {
        if (err instanceof NotCacheable) {
          void this.purgeKey(call.key);
          return;
        }
        this.#backOff.set(call.key, true);
        this.#warn({ err, key: call.key.split('?', 1)[0] });
      },
    );
  }

  #warn(fields: object): void {
    if (performance.now() < this.#warnedAt + WARN_EVERY_MS) return;
    this.#warnedAt = performance.now();
    this.#logger.warn(fields, 'a stale value could not be refreshed; it is given out until it ends');
  }

  #keep({ key, names }: Call, entry: Entry, verifiedAt: number): void {
    this.#memory.set(key, { entry, names, verifiedAt });
  }

  /** Whether what was right at this time is so still: every purge since then has been heard, or it was just now. */
  #counts(since: number): boolean {
    if (!this.#purges) return true;
    return Math.max(since, this.#purges.heardUntil) > performance.now() - UNHEARD_MS;
  }

  #listen(parts: CacheParts, redis: NonNullable<CacheParts['redis']>, names: RedisNames): Purges {
    return new Purges({
      redis,
      names,
      subscriber: parts.subscriber,
      logger: parts.logger,
      onPurge: (name) => {
        this.#purgeHere(name);
      },
      onGap: () => {
        if (this.#hasListened) this.#markGap(redis);
        this.#hasListened = true;
        this.#memory.clear();
        this.#lookups.purgeAll();
        this.#loads.purgeAll();
      },
    });
  }

  /**
   * Where commands are still cut off, nothing more is known than a moment ago, when nothing was heard either: what a
   * repository falls back to counts until they are back, and has to be read anew then.
   */
  #markGap(redis: NonNullable<CacheParts['redis']>): void {
    if (redis.isUp()) this.#gapAt = performance.now();
    else this.#isGapPending = true;
  }

  async #purge(name: string): Promise<boolean> {
    if (this.#purges) return this.#purges.send(name);
    this.#purgeHere(name);
    return true;
  }

  #purgeHere(name: string): void {
    this.#purgedAt.set(name, performance.now());
    this.#memory.purge(name);
    this.#lookups.purge(name);
    this.#loads.purge(name);
  }
}

export function createCache(parts: CacheParts): Cache {
  return new LayeredCache(parts);
}
