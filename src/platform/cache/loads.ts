import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheOptions, Load } from './cache.ts';
import { decode, encode, isFresh, UNCERTAIN, type Entry } from './entry.ts';
import { STUCK_MS, type Lock } from './lock.ts';
import type { Found, SharedEntries } from './shared.ts';

/** Between looks at whether another process has loaded, in milliseconds: at first, and at most. */
const FIRST_PAUSE_MS = 15;
const MAX_PAUSE_MS = 250;

/** One look-up. */
export interface Call {
  readonly key: string;
  readonly options: CacheOptions;
  /** What the value may be purged by: its key first, then its tags. */
  readonly names: readonly string[];
  readonly load: Load<unknown>;
}

/** Work that several callers wait for. */
export interface Flight {
  readonly key: string;
  readonly names: readonly string[];
  /** `performance.now()` when it began. */
  readonly startedAt: number;
  /** A purge came while it was under way: its result is for those who wait already, and is not stored. */
  purged: boolean;
  /** Redis responded all along: its result is as right as Redis is. */
  certain: boolean;
}

/** Runs work on a key once at a time in this process. */
export class SingleFlight<T> {
  readonly #joinable = new Map<string, { flight: Flight; result: Promise<T> }>();
  /** Also those that nobody may join any more. */
  readonly #all = new Set<Flight>();

  has(key: string): boolean {
    return this.#joinable.has(key);
  }

  /**
   * The result of the work on this key that is under way, or of `work`, which is begun then.
   *
   * @param mayJoin - whether that work is recent and certain enough for this caller.
   */
  join(
    { key, names }: Call,
    mayJoin: (flight: Flight) => boolean,
    work: (flight: Flight) => Promise<T>,
  ): Promise<T> {
    const other = this.#joinable.get(key);
    if (other && mayJoin(other.flight)) return other.result;
    const flight = { key, names, startedAt: performance.now(), purged: false, certain: true };
    this.#all.add(flight);
    const result = work(flight).finally(() => {
      this.#all.delete(flight);
      if (this.#joinable.get(key)?.flight === flight) this.#joinable.delete(key);
    });
    this.#joinable.set(key, { flight, result });
    return result;
  }

  /** Redis was away, or refused something: all work under way may have done without it. */
  markUncertain(): void {
    for (const flight of this.#all) flight.certain = false;
  }

  /** Callers from now on must not get what began before. @param name - of what is purged; unset: everything. */
  purge(name?: string): void {
    for (const flight of this.#all) {
      if (name !== undefined && !flight.names.includes(name)) continue;
      flight.purged = true;
      if (this.#joinable.get(flight.key)?.flight === flight) this.#joinable.delete(flight.key);
    }
  }
}

export interface LoadParts {
  readonly shared: SharedEntries | undefined;
  /** Whether work that began at this time may serve a caller who comes now. */
  readonly isCurrent: (since: number) => boolean;
  /** Stores an entry, right as of `since`, in this process's memory. */
  readonly keep: (call: Call, entry: Entry, since: number) => void;
}

/** Loads each key once at a time: in this process because callers join, among processes by a lock in Redis. */
export class Loads {
  readonly flights = new SingleFlight<Entry | undefined>();
  readonly #parts: LoadParts;

  constructor(parts: LoadParts) {
    this.#parts = parts;
  }

  /**
   * A fresh entry, from `load` or from another process that was loading it already.
   *
   * @param found - what Redis returned just now.
   * @throws whatever `load` throws.
   */
  async run(call: Call, found: Found | undefined): Promise<Entry> {
    const needsCertain = found !== undefined;
    for (;;) {
      const entry = await this.#join(call, needsCertain, (flight) =>
        this.#obtain(call, flight, found, false),
      );
      // undefined: joined a refresh that left it to others. This caller has nothing else to return.
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
      if (found?.entry && isFresh(found.entry)) return this.#keep(call, flight, found.entry);
      return this.#obtain(call, flight, found, true);
    });
    return entry !== undefined;
  }

  #join(
    call: Call,
    needsCertain: boolean,
    work: (flight: Flight) => Promise<Entry | undefined>,
  ): Promise<Entry | undefined> {
    const mayJoin = ({ startedAt, certain }: Flight) =>
      (certain || !needsCertain) &&
      this.#parts.isCurrent(startedAt) &&
      performance.now() - startedAt < STUCK_MS;
    return this.flights.join(call, mayJoin, work);
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
        return this.#keep(call, flight, found.entry, since);
      }
      if (lock !== 'busy') return this.#load(call, flight, found?.stamp, lock);
    }
    return this.#load(call, flight, undefined);
  }

  /** @param stamp - the versions as they were before the load; undefined where Redis did not return them. */
  async #load(call: Call, flight: Flight, stamp: string | undefined, lock?: Lock): Promise<Entry> {
    const since = performance.now();
    if (stamp === undefined && this.#parts.shared) flight.certain = false;
    try {
      const value = await call.load();
      const { ttl, stale = 0 } = call.options;
      const storedAt = Date.now();
      const freshUntil = storedAt + ttl * 1000;
      const staleUntil = freshUntil + stale * 1000;
      const bytes = encode({
        value,
        storedAt,
        freshUntil,
        staleUntil,
        stamp: flight.certain ? (stamp ?? '') : UNCERTAIN,
      });
      // All callers get what was stored, not the object that `load` may go on using.
      const entry = decode(bytes);
      if (!entry) throw new TypeError(`The cache cannot read back the value of ${call.key}`);
      this.#keep(call, flight, entry, since);
      void this.#store(call, flight, entry, bytes, lock);
      return entry;
    } catch (error) {
      void lock?.release('failed');
      throw error;
    }
  }

  /** Nobody waits for it: a response must not wait for a Redis that hangs. */
  async #store(call: Call, flight: Flight, entry: Entry, bytes: Buffer, lock: Lock | undefined) {
    const wanted = !flight.purged && entry.stamp !== UNCERTAIN;
    if (wanted) await this.#parts.shared?.store(call.key, call.names, entry, bytes);
    await lock?.release('stored');
  }

  #keep(call: Call, flight: Flight, entry: Entry, since = flight.startedAt): Entry {
    if (!flight.purged) this.#parts.keep(call, entry, since);
    return entry;
  }
}
