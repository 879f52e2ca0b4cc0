/** Work on a key that several callers wait for. */
export interface Flight {
  /** When it began, by the clock of its SingleFlight. */
  readonly startedAt: number;
  /** Redis responded all along, as far as this work asked it: its result is as right as Redis is. */
  certain: boolean;
}

/** Runs work on a key once at a time in this process. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, { flight: Flight; result: Promise<T> }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * The result of the work on this key that is under way, or of `work`, which is begun then.
   *
   * @param mayJoin - whether that work is recent and certain enough for this caller.
   */
  join(key: string, mayJoin: (flight: Flight) => boolean, work: (flight: Flight) => Promise<T>): Promise<T> {
    const other = this.#flights.get(key);
    if (other && mayJoin(other.flight)) return other.result;
    const flight = { startedAt: this.#now(), certain: true };
    const result = work(flight).finally(() => {
      if (this.#flights.get(key)?.flight === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, { flight, result });
    return result;
  }
}
