import { setTimeout as sleep } from 'node:timers/promises';
import type { Load } from './cache.ts';
import { decode, encode, UNSURE, type Entry, type StoredEntry } from './entry.ts';
import { SingleFlight, type Flight } from './single-flight.ts';
import { STUCK_MS, type Lock } from './lock.ts';
import type { CacheOptions } from './options.ts';
import type { Found, SharedEntries } from './shared.ts';

/** Between looks at whether another process is done loading, in milliseconds: at first, and at most. */
const FIRST_PAUSE_MS = 15;
const MAX_PAUSE_MS = 250;

/** What one look-up is about. */
export interface Call {
  readonly key: string;
  readonly options: CacheOptions;
  /** What a purge may call it by: its key first, then its tags. */
  readonly names: readonly string[];
  readonly load: Load<unknown>;
}

export interface LoadParts {
  readonly shared: SharedEntries | undefined;
  /** Whether work that began at this time may serve a caller who comes now. */
  readonly counts: (since: number) => boolean;
  /** An entry that is right as of `since`, for this process's memory. */
  readonly keep: (call: Call, entry: Entry, since: number) => void;
}

/** Loads each key once at a time: in this process because callers join, among processes by a lock in Redis. */
export class Loads {
  readonly #parts: LoadParts;
  readonly #flights = new SingleFlight<Entry | undefined>();

  constructor(parts: LoadParts) {
    this.#parts = parts;
  }

  isLoading(key: string): boolean {
    return this.#flights.has(key);
  }

  /** What is loaded right now may be a fallback: Redis failed. */
  doubtAll(): void {
    this.#flights.doubtAll();
  }

  purge(name: string): void {
    this.#flights.purge(name);
  }

  purgeAll(): void {
    this.#flights.purgeAll();
  }

  /**
   * A fresh entry, from `load` or from another process that was loading it already.
   *
   * @param found - what Redis said just now.
   * @throws whatever `load` throws.
   */
  async run(call: Call, found: Found | undefined): Promise<Entry> {
    for (;;) {
      const needsSure = found !== undefined;
      const entry = await this.#join(call, needsSure, (flight) => this.#obtain(call, flight, found, false));
      // undefined: joined a refresh that left it to others. This caller has nothing else to give out.
      if (entry) return entry;
    }
  }

  /**
   * Like `run`, with nobody waiting: leaves it, and returns false, where another process failed within the last second.
   *
   * @throws whatever `load` throws.
   */
  async refresh(call: Call): Promise<boolean> {
    const entry = await this.#join(call, true, async (flight) => {
      const found = await this.#parts.shared?.find(call.key, call.names);
      if (found?.entry && isFresh(found.entry)) return this.#kept(call, flight, found.entry);
      return this.#obtain(call, flight, found, true);
    });
    return entry !== undefined;
  }

  #join(
    call: Call,
    needsSure: boolean,
    work: (flight: Flight) => Promise<Entry | undefined>,
  ): Promise<Entry | undefined> {
    const mayJoin = ({ startedAt, sure }: Flight) =>
      (sure || !needsSure) && this.#parts.counts(startedAt) && performance.now() - startedAt < STUCK_MS;
    return this.#flights.join(call.key, call.names, mayJoin, work);
  }

  /** Loads if this process gets the lock; else waits for the one that has it. Without Redis, loads at once. */
  async #obtain(
    call: Call,
    flight: Flight,
    found: Found | undefined,
    mayLeave: boolean,
  ): Promise<Entry | undefined> {
    const { shared } = this.#parts;
    for (let pause = FIRST_PAUSE_MS; shared && found; pause = Math.min(pause * 1.5, MAX_PAUSE_MS)) {
      const lock = await shared.claim(call.key, found.stamp);
      if (lock === undefined) break;
      if (lock === 'failed') return mayLeave ? undefined : this.#load(call, flight, found.stamp);
      if (lock === 'busy') await sleep(pause);
      const since = performance.now();
      found = await shared.find(call.key, call.names);
      if (found?.entry && isFresh(found.entry)) {
        if (lock !== 'busy') void lock.release('stored');
        return this.#kept(call, flight, found.entry, since);
      }
      if (lock !== 'busy') return this.#load(call, flight, found?.stamp, lock);
    }
    return this.#load(call, flight, undefined);
  }

  /** @param stamp - the versions as they were before the load; undefined where Redis did not say. */
  async #load(call: Call, flight: Flight, stamp: string | undefined, lock?: Lock): Promise<Entry> {
    const since = performance.now();
    if (stamp === undefined && this.#parts.shared) flight.sure = false;
    try {
      const value = await call.load();
      const bytes = encode(entryOf(value, call.options, flight.sure ? (stamp ?? '') : UNSURE));
      // What everybody is given is what was stored, not the object that `load` may go on using.
      const entry = decode(bytes);
      if (!entry) throw new TypeError(`The cache can't read back the value of ${call.key}`);
      this.#kept(call, flight, entry, since);
      void this.#store(call, flight, entry, bytes, lock);
      return entry;
    } catch (error) {
      void lock?.release('failed');
      throw error;
    }
  }

  /** Nobody waits for it: an answer must not hang on a Redis that does. */
  async #store(call: Call, flight: Flight, entry: Entry, bytes: Buffer, lock: Lock | undefined) {
    const wanted = !flight.purged && entry.stamp !== UNSURE;
    if (wanted) await this.#parts.shared?.store(call.key, call.names, entry, bytes);
    await lock?.release('stored');
  }

  #kept(call: Call, flight: Flight, entry: Entry, since = flight.startedAt): Entry {
    if (!flight.purged) this.#parts.keep(call, entry, since);
    return entry;
  }
}

function entryOf(value: unknown, { ttl, stale = 0 }: CacheOptions, stamp: string): StoredEntry {
  const now = Date.now();
  return {
    value,
    storedAt: now,
    freshUntil: now + ttl * 1000,
    staleUntil: now + (ttl + stale) * 1000,
    stamp,
  };
}

/** How far the clocks of hosts may be apart, in milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** Not where it is from the future: a clock was wrong, then or now, and it may stay for any time. */
export function isFresh({ storedAt, freshUntil }: Entry): boolean {
  const now = Date.now();
  return now < freshUntil && now > storedAt - CLOCK_SKEW_MS;
}
