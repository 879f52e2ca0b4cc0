import { LRUCache } from 'lru-cache';
import type { Logger } from '../../runtime/logger.ts';
import type { Cache, CacheParts, CacheResult, CacheState, Load } from './cache.ts';
import type { Entry } from './entry.ts';
import { Flights } from './flights.ts';
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
  readonly #lookups = new Flights<Found | undefined>();
  readonly #loads: Loads;
  /** Keys whose refresh failed just now. */
  readonly #backOff = new LRUCache<string, true>({ max: 1000, ttl: BACK_OFF_MS });
  readonly #logger: Logger;
  readonly #onLookup: ((state: CacheState) => void) | undefined;
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
    this.#purges = redis && this.#listen(parts, redis, names);
  }

  async wrap<T>(key: string, options: CacheOptions, load: Load<T>): Promise<T> {
    return (await this.fetch(key, options, load)).value;
  }

  async fetch<T>(key: string, options: CacheOptions, load: Load<T>): Promise<CacheResult<T>> {
    assertLifetime(options);
    const held = this.#memory.get(key);
    const usable = held && Date.now() < held.entry.staleUntil && this.#counts(held.verifiedAt);
    if (usable && isFresh(held.entry)) return this.#result(held.entry, 'HIT');

    const names = [keyName(key), ...[...new Set(options.tags)].sort().map(tagName)];
    const call: Call = { key, options, names, load };
    const found = usable ? { entry: held.entry, stamp: '' } : await this.#lookUp(call);
    if (!found?.entry) return this.#result(await this.#loads.run(call, found), 'MISS');
    if (isFresh(found.entry)) return this.#result(found.entry, 'HIT');
    this.#refresh(call);
    return this.#result(found.entry, 'STALE');
  }

  async purgeKey(key: string): Promise<void> {
    await this.#purge(keyName(key));
  }

  async purgeTag(tag: string): Promise<void> {
    await this.#purge(tagName(tag));
  }

  async close(): Promise<void> {
    await this.#purges?.close();
    this.#memory.clear();
  }

  #result<T>(entry: Entry, state: CacheState): CacheResult<T> {
    this.#onLookup?.(state);
    return { value: entry.value as T, state, storedAt: entry.storedAt };
  }

  /** Asks Redis. Several callers ask once. */
  #lookUp(call: Call): Promise<Found | undefined> {
    const shared = this.#shared;
    if (!shared) return Promise.resolve(undefined);
    const mayJoin = (at: number) => this.#counts(at);
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
        if (err instanceof NotCacheable) return this.purgeKey(call.key);
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
        this.#memory.clear();
        this.#lookups.purgeAll();
        this.#loads.purgeAll();
      },
    });
  }

  async #purge(name: string): Promise<void> {
    if (this.#purges) await this.#purges.send(name);
    else this.#purgeHere(name);
  }

  #purgeHere(name: string): void {
    this.#memory.purge(name);
    this.#lookups.purge(name);
    this.#loads.purge(name);
  }
}
