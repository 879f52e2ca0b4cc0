import { setTimeout as sleep } from 'node:timers/promises';
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
import { decode, encode, isFresh, UNCERTAIN, type Entry } from './entry.ts';
import { STUCK_MS, type Lock } from './lock.ts';
import { Purges } from './purges.ts';
import { channelOf, keyName, SharedEntries, tagName, type Found } from './shared.ts';
import { SingleFlight, type Flight } from './single-flight.ts';

/** How long memory is used while purges may be missed, in milliseconds: they must show within a second. */
const UNCONFIRMED_MS = 900;

/** Until the next attempt to refresh a value after one failed, in milliseconds. */
const BACK_OFF_MS = 1000;

/** Failed refreshes are logged once in this time, in milliseconds: an outage must not fill the disk. */
const WARN_EVERY_MS = 10_000;

/** Between looks at whether another process has loaded, in milliseconds: at first, and at most. */
const FIRST_PAUSE_MS = 15;
const MAX_PAUSE_MS = 250;

/** What an entry takes beside its value and its key, as measured: objects, its slots in maps, its names. */
const ENTRY_BYTES = 1500;

/** No more purges than this are remembered: everything older than the first forgotten one counts as purged. */
const MAX_PURGES = 10_000;

/** Between two times of `#now`, in milliseconds: less than a look-up takes, and more than a double loses. */
const MIN_STEP_MS = 0.0001;

/** One look-up. */
interface Call {
  readonly key: string;
  readonly options: CacheOptions;
  /** What the value may be purged by: its key first, then its tags. */
  readonly names: readonly string[];
  readonly load: Load<unknown>;
}

/** An entry in this process, and when it was last known to be right. */
interface Held extends Pick<Call, 'names'> {
  readonly entry: Entry;
  readonly verifiedAt: number;
}

/**
 * Memory first, then Redis, then the load: once at a time in this process because callers join, and among processes by a
 * lock in Redis. The contract is in cache.ts.
 *
 * A purge deletes nothing here: what was read or loaded before it is not used. All times are of `#now`.
 */
class LayeredCache implements Cache {
  readonly #memory: LRUCache<string, Held>;
  readonly #redis: CacheParts['redis'];
  readonly #shared: SharedEntries | undefined;
  readonly #purges: Purges | undefined;
  readonly #lookups = new SingleFlight<Found | undefined>(() => this.#now());
  readonly #loads = new SingleFlight<Entry | undefined>(() => this.#now());
  /** Keys whose refresh failed just now. */
  readonly #backOff = new LRUCache<string, true>({ max: 1000, ttl: BACK_OFF_MS });
  readonly #logger: Logger;
  /** When a purge of a name was last received. */
  readonly #purgedAt = new LRUCache<string, number>({
    max: MAX_PURGES,
    dispose: (at, _name, why) => {
      if (why !== 'evict') return;
      this.#clearedAt = Math.max(this.#clearedAt, at);
      this.#gapAt = Math.max(this.#gapAt, at);
    },
  });
  /** What is in memory, or was begun, before this time is not used: purges may have been missed. */
  #clearedAt = -Infinity;
  /** The same for what others read; later, where commands were cut off for longer. */
  #gapAt = -Infinity;
  #isGapPending = false;
  /** When Redis last went away, came back or refused something: all work under way then may have done without it. */
  #failedAt = -Infinity;
  #warnedAt = -Infinity;
  #lastNow = -Infinity;

  constructor({ redis, subscriber, prefix, maxBytes, logger }: CacheParts) {
    this.#memory = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ entry }, key) => ENTRY_BYTES + entry.bytes + 4 * key.length,
    });
    this.#logger = logger;
    if (!redis) return;
    this.#redis = redis;
    redis.onFailure(() => {
      this.#failedAt = this.#now();
    });
    redis.onChange((up) => {
      this.#failedAt = this.#now();
      if (up && this.#isGapPending) this.#recordGap();
    });
    const shared = new SharedEntries(redis, prefix);
    this.#shared = shared;
    const onPurge = this.#purgeHere.bind(this);
    const onGap = this.#purgesMissed.bind(this);
    const channel = channelOf(prefix);
    this.#purges = new Purges({ redis, subscriber, shared, channel, logger, onPurge, onGap });
  }

  async wrap<T>(key: string, options: CacheOptions, load: Load<T>): Promise<T> {
    return (await this.fetch(key, options, load)).value;
  }

  async fetch<T>(key: string, options: CacheOptions, load: Load<T>): Promise<CacheResult<T>> {
    assertLifetime(options);
    const held = this.#held(key);
    const isCurrent = held && held.entry.stamp !== UNCERTAIN && this.#isCurrent(held.verifiedAt);
    const usable = isCurrent && Date.now() < held.entry.staleUntil;
    if (usable && isFresh(held.entry)) return resultOf(held.entry, 'HIT');

    const names = [keyName(key), ...[...new Set(options.tags)].sort().map(tagName)];
    const call: Call = { key, options, names, load };
    const found = usable ? { entry: held.entry, stamp: '' } : await this.#lookUp(call);
    const entry = found ? found.entry : this.#uncertain(key);
    if (!entry) return resultOf(await this.#loadOnce(call, found), 'MISS');
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
    return Math.max(this.#purgedAt.peek(tagName(tag)) ?? -Infinity, this.#gapAt);
  }

  async close(): Promise<void> {
    await this.#purges?.close();
    this.#memory.clear();
  }

  #held(key: string): Held | undefined {
    const held = this.#memory.get(key);
    return held && !this.#isPurged(held.names, held.verifiedAt) ? held : undefined;
  }

  /** What was loaded less than a second ago, for when Redis is away: then not each request loads. */
  #uncertain(key: string): Entry | undefined {
    const held = this.#held(key);
    const isRecent = held && held.verifiedAt > performance.now() - UNCONFIRMED_MS;
    return isRecent && held.entry.stamp === UNCERTAIN && isFresh(held.entry) ? held.entry : undefined;
  }

  /** Asks Redis. Several callers ask once. */
  async #lookUp(call: Call): Promise<Found | undefined> {
    const shared = this.#shared;
    if (!shared) return undefined;
    const mayJoin = ({ startedAt }: Flight) => this.#mayServe(call, startedAt);
    return this.#lookups.join(call.key, mayJoin, async ({ startedAt }) => {
      const found = await shared.find(call.key, call.names);
      if (found?.entry) this.#keep(call, found.entry, startedAt);
      return found;
    });
  }

  /**
   * A fresh entry, from `load` or from another process that was loading it already.
   *
   * @param found - what Redis returned just now.
   * @throws whatever `load` throws.
   */
  async #loadOnce(call: Call, found: Found | undefined): Promise<Entry> {
    for (;;) {
      const work = (flight: Flight) => this.#obtain(call, flight, found, false);
      const entry = await this.#joinLoad(call, found !== undefined, work);
      // undefined: joined a refresh that left it to others. This caller has nothing else to return.
      if (entry) return entry;
    }
  }

  /** Loads anew while the stale value is used. Leaves it where another process failed within the last second. */
  #refresh(call: Call): void {
    const { key, names } = call;
    if (this.#backOff.has(key) || this.#loads.has(key)) return;
    const work = async (flight: Flight) => {
      const found = await this.#shared?.find(key, names);
      if (found?.entry && isFresh(found.entry)) return this.#keep(call, found.entry, flight.startedAt);
      return this.#obtain(call, flight, found, true);
    };
    this.#joinLoad(call, true, work).then(
      (entry) => {
        if (!entry) this.#backOff.set(key, true);
      },
      (err: unknown) => {
        if (err instanceof NotCacheable) {
          void this.purgeKey(key);
          return;
        }
        this.#backOff.set(key, true);
        this.#warn({ err, key: key.split('?', 1)[0] });
      },
    );
  }

  #warn(fields: object): void {
    if (performance.now() < this.#warnedAt + WARN_EVERY_MS) return;
    this.#warnedAt = performance.now();
    this.#logger.warn(fields, 'cannot refresh a stale value; it is used until it expires');
  }

  #joinLoad(
    call: Call,
    needsCertain: boolean,
    work: (flight: Flight) => Promise<Entry | undefined>,
  ): Promise<Entry | undefined> {
    const mayJoin = (flight: Flight) =>
      (!needsCertain || this.#isCertain(flight)) &&
      this.#mayServe(call, flight.startedAt) &&
      performance.now() - flight.startedAt < STUCK_MS;
    return this.#loads.join(call.key, mayJoin, work);
  }

  /** Loads if this process gets the lock; else waits for the one that has it. Without Redis, loads at once. */
  async #obtain(
    call: Call,
    flight: Flight,
    found: Found | undefined,
    mayLeave: boolean,
  ): Promise<Entry | undefined> {
    const shared = this.#shared;
    for (let pause = FIRST_PAUSE_MS; shared && found; pause = Math.min(pause * 1.5, MAX_PAUSE_MS)) {
      const lock = await shared.claim(call.key, found.stamp);
      if (lock === undefined) break;
      if (lock === 'failed') return mayLeave ? undefined : this.#load(call, flight, found.stamp);
      if (lock === 'busy') await sleep(pause);
      const since = this.#now();
      found = await shared.find(call.key, call.names);
      if (found?.entry && isFresh(found.entry)) {
        if (lock !== 'busy') void lock.release('stored');
        return this.#keep(call, found.entry, since);
      }
      if (lock !== 'busy') return this.#load(call, flight, found?.stamp, lock);
    }
    return this.#load(call, flight, undefined);
  }

  /** @param stamp - the versions as they were before the load; undefined where Redis did not return them. */
  async #load(call: Call, flight: Flight, stamp: string | undefined, lock?: Lock): Promise<Entry> {
    const since = this.#now();
    if (stamp === undefined && this.#shared) flight.certain = false;
    try {
      const value = await call.load();
      const { ttl, stale = 0 } = call.options;
      const storedAt = Date.now();
      const freshUntil = storedAt + ttl * 1000;
      const staleUntil = freshUntil + stale * 1000;
      const known = this.#isCertain(flight) ? (stamp ?? '') : UNCERTAIN;
      const bytes = encode({ value, storedAt, freshUntil, staleUntil, stamp: known });
      // All callers get what was stored, not the object that `load` may go on using.
      const entry = decode(bytes);
      if (!entry) throw new TypeError(`The cache cannot read back the value of ${call.key}`);
      this.#keep(call, entry, since);
      // Nobody waits for it: a response must not wait for a Redis that hangs.
      void this.#store(call, flight, entry, bytes).then(() => lock?.release('stored'));
      return entry;
    } catch (error) {
      void lock?.release('failed');
      throw error;
    }
  }

  async #store({ key, names }: Call, { startedAt }: Flight, entry: Entry, bytes: Buffer): Promise<void> {
    const wanted = entry.stamp !== UNCERTAIN && !this.#isPurged(names, startedAt);
    if (wanted) await this.#shared?.store(key, names, entry, bytes);
  }

  /** @param verifiedAt - a purge since then is newer than the entry: it serves those who wait already, and is not kept. */
  #keep({ key, names }: Call, entry: Entry, verifiedAt: number): Entry {
    if (!this.#isPurged(names, verifiedAt)) this.#memory.set(key, { entry, names, verifiedAt });
    return entry;
  }

  /** Whether work that began at this time may serve a caller who comes now. */
  #mayServe({ names }: Call, startedAt: number): boolean {
    return this.#isCurrent(startedAt) && !this.#isPurged(names, startedAt);
  }

  #isCertain({ certain, startedAt }: Flight): boolean {
    return certain && startedAt > this.#failedAt;
  }

  #isPurged(names: readonly string[], since: number): boolean {
    return since < this.#clearedAt || names.some((name) => (this.#purgedAt.peek(name) ?? -Infinity) > since);
  }

  /** Whether what was right at this time still is: every purge since then has been received, or it was just now. */
  #isCurrent(since: number): boolean {
    if (!this.#purges) return true;
    return Math.max(since, this.#purges.receivedUntil) > performance.now() - UNCONFIRMED_MS;
  }

  /** `performance.now()`, and never the same twice: what begins after a purge is newer than it, however soon. */
  #now(): number {
    this.#lastNow = Math.max(performance.now(), this.#lastNow + MIN_STEP_MS);
    return this.#lastNow;
  }

  async #purge(name: string): Promise<boolean> {
    if (this.#purges) return this.#purges.send(name);
    this.#purgeHere(name);
    return true;
  }

  #purgeHere(name: string): void {
    this.#purgedAt.set(name, this.#now());
  }

  /** This process listens again, or for the first time, when nobody can have read anything before. */
  #purgesMissed(): void {
    if (this.#clearedAt > -Infinity) this.#recordGap();
    this.#clearedAt = this.#now();
  }

  /**
   * While commands are still cut off, nothing can be read anew: what a repository falls back to is used until they are
   * back. The gap counts from then.
   */
  #recordGap(): void {
    this.#isGapPending = this.#redis?.isUp() !== true;
    if (!this.#isGapPending) this.#gapAt = this.#now();
  }
}

function resultOf<T>(entry: Entry, state: CacheState): CacheResult<T> {
  return { value: entry.value as T, state, storedAt: entry.storedAt };
}

export function createCache(parts: CacheParts): Cache {
  return new LayeredCache(parts);
}
