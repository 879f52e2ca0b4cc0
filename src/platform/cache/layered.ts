import { LRUCache } from 'lru-cache';
import type { Logger } from '../observability/logger.ts';
import {
  assertLifetime,
  NotCacheable,
  type Cache,
  type CacheOptions,
  type CacheParts,
  type CacheResult,
  type CacheState,
  type Load,
} from './cache.ts';
import { isFresh, UNCERTAIN, type Entry } from './entry.ts';
import { Loads, SingleFlight, type Call, type Flight } from './loads.ts';
import { MemoryEntries } from './memory.ts';
import { Purges } from './purges.ts';
import { channelOf, keyName, SharedEntries, tagName, type Found } from './shared.ts';

/** How long memory is used while purges may be missed, in milliseconds: they must show within a second. */
const UNCONFIRMED_MS = 900;

/** Until the next attempt to refresh a value after one failed, in milliseconds. */
const BACK_OFF_MS = 1000;

/** Failed refreshes are logged once in this time, in milliseconds: an outage must not fill the disk. */
const WARN_EVERY_MS = 10_000;

/** Memory first, then Redis, then the load. The contract is in cache.ts. */
class LayeredCache implements Cache {
  readonly #memory: MemoryEntries;
  readonly #redis: CacheParts['redis'];
  readonly #shared: SharedEntries | undefined;
  readonly #purges: Purges | undefined;
  readonly #lookups = new SingleFlight<Found | undefined>();
  readonly #loads: Loads;
  /** Keys whose refresh failed just now. */
  readonly #backOff = new LRUCache<string, true>({ max: 1000, ttl: BACK_OFF_MS });
  readonly #logger: Logger;
  /** When a purge of a name was last received, in `performance.now()` milliseconds. */
  readonly #purgedAt = new LRUCache<string, number>({
    max: 10_000,
    dispose: (at, _name, why) => {
      if (why === 'evict') this.#gapAt = Math.max(this.#gapAt, at);
    },
  });
  /** Before this, purges of any name may have been missed. */
  #gapAt = -Infinity;
  #isGapPending = false;
  #hasListened = false;
  #warnedAt = -Infinity;

  constructor({ redis, subscriber, prefix, maxBytes, logger }: CacheParts) {
    this.#memory = new MemoryEntries(maxBytes);
    this.#logger = logger;
    this.#redis = redis;
    const shared = redis && new SharedEntries(redis, prefix);
    this.#shared = shared;
    this.#loads = new Loads({
      shared,
      isCurrent: (since) => this.#isCurrent(since),
      keep: (call, entry, since) => {
        this.#keep(call, entry, since);
      },
    });
    redis?.onFailure(() => {
      this.#loads.flights.markUncertain();
    });
    redis?.onChange((up) => {
      this.#loads.flights.markUncertain();
      if (up && this.#isGapPending) this.#recordGap();
    });
    const onPurge = this.#purgeHere.bind(this);
    const onGap = this.#purgesMissed.bind(this);
    const channel = channelOf(prefix);
    this.#purges =
      redis && shared && new Purges({ redis, subscriber, shared, channel, logger, onPurge, onGap });
  }

  async wrap<T>(key: string, options: CacheOptions, load: Load<T>): Promise<T> {
    return (await this.fetch(key, options, load)).value;
  }

  async fetch<T>(key: string, options: CacheOptions, load: Load<T>): Promise<CacheResult<T>> {
    assertLifetime(options);
    const held = this.#memory.get(key);
    const isCurrent = held && held.entry.stamp !== UNCERTAIN && this.#isCurrent(held.verifiedAt);
    const usable = isCurrent && Date.now() < held.entry.staleUntil;
    if (usable && isFresh(held.entry)) return resultOf(held.entry, 'HIT');

    const names = [keyName(key), ...[...new Set(options.tags)].sort().map(tagName)];
    const call: Call = { key, options, names, load };
    const found = usable ? { entry: held.entry, stamp: '' } : await this.#lookUp(call);
    const entry = found ? found.entry : this.#uncertain(key);
    if (!entry) return resultOf(await this.#loads.run(call, found), 'MISS');
    if (isFresh(entry)) return resultOf(entry, 'HIT');
    this.#refresh(call);
    return resultOf(entry, 'STALE');
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

  /** What was loaded less than a second ago, for when Redis is away: then not each request loads. */
  #uncertain(key: string): Entry | undefined {
    const held = this.#memory.get(key);
    const isRecent = held && held.verifiedAt > performance.now() - UNCONFIRMED_MS;
    return isRecent && held.entry.stamp === UNCERTAIN && isFresh(held.entry) ? held.entry : undefined;
  }

  /** Asks Redis. Several callers ask once. */
  #lookUp(call: Call): Promise<Found | undefined> {
    const shared = this.#shared;
    if (!shared) return Promise.resolve(undefined);
    const mayJoin = ({ startedAt }: Flight) => this.#isCurrent(startedAt);
    return this.#lookups.join(call, mayJoin, async (flight) => {
      const found = await shared.find(call.key, call.names);
      if (found?.entry && !flight.purged) this.#keep(call, found.entry, flight.startedAt);
      return found;
    });
  }

  #refresh(call: Call): void {
    if (this.#backOff.has(call.key) || this.#loads.flights.has(call.key)) return;
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
    this.#logger.warn(fields, 'cannot refresh a stale value; it is used until it expires');
  }

  #keep({ key, names }: Call, entry: Entry, verifiedAt: number): void {
    this.#memory.set(key, { entry, names, verifiedAt });
  }

  /** Whether what was right at this time still is: every purge since then has been received, or it was just now. */
  #isCurrent(since: number): boolean {
    if (!this.#purges) return true;
    return Math.max(since, this.#purges.receivedUntil) > performance.now() - UNCONFIRMED_MS;
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
    this.#loads.flights.purge(name);
  }

  /** This process listens again, or for the first time, when it had no entries yet. */
  #purgesMissed(): void {
    if (this.#hasListened) this.#recordGap();
    this.#hasListened = true;
    this.#memory.clear();
    this.#lookups.purge();
    this.#loads.flights.purge();
  }

  /**
   * While commands are still cut off, nothing can be read anew: what a repository falls back to is used until they are
   * back. The gap counts from then.
   */
  #recordGap(): void {
    this.#isGapPending = this.#redis?.isUp() !== true;
    if (!this.#isGapPending) this.#gapAt = performance.now();
  }
}

function resultOf<T>(entry: Entry, state: CacheState): CacheResult<T> {
  return { value: entry.value as T, state, storedAt: entry.storedAt };
}

export function createCache(parts: CacheParts): Cache {
  return new LayeredCache(parts);
}
