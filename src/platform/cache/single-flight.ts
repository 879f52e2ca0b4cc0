/** One piece of work that several callers wait for. */
export interface Flight {
  /** `performance.now()` when it began. */
  readonly startedAt: number;
  readonly names: readonly string[];
  /** A purge came while it was under way: what it brings is for those who wait already, and is not to be kept. */
  readonly purged: boolean;
  /** Redis answered all along: what it brings is as right as Redis is. */
  sure: boolean;
}

interface Running<T> {
  readonly flight: { -readonly [Field in keyof Flight]: Flight[Field] };
  readonly promise: Promise<T>;
}

/** Lets work on a key run once at a time in this process. */
export class SingleFlight<T> {
  readonly #joinable = new Map<string, Running<T>>();
  /** Also those nobody may join any more. */
  readonly #all = new Set<Running<T>>();

  has(key: string): boolean {
    return this.#joinable.has(key);
  }

  /**
   * The result of the work on this key that is under way, or of `work`, which is begun then.
   *
   * @param mayJoin - whether that work is recent and sure enough for this caller.
   */
  join(
    key: string,
    names: readonly string[],
    mayJoin: (flight: Flight) => boolean,
    work: (flight: Flight) => Promise<T>,
  ): Promise<T> {
    const other = this.#joinable.get(key);
    if (other && mayJoin(other.flight)) return other.promise;
    const flight = { startedAt: performance.now(), names, purged: false, sure: true };
    const running: Running<T> = {
      flight,
      promise: work(flight).finally(() => {
        this.#all.delete(running);
        if (this.#joinable.get(key) === running) this.#joinable.delete(key);
      }),
    };
    this.#all.add(running);
    this.#joinable.set(key, running);
    return running.promise;
  }

  /** Redis was away, or refused something: all that is under way may have done without it. */
  doubtAll(): void {
    for (const { flight } of this.#all) flight.sure = false;
  }

  /** Who comes from now on must not be given what began before. */
  purge(name: string): void {
    this.#purgeWhere((flight) => flight.names.includes(name));
  }

  purgeAll(): void {
    this.#purgeWhere(() => true);
  }

  #purgeWhere(matches: (flight: Flight) => boolean): void {
    for (const running of this.#all) if (matches(running.flight)) running.flight.purged = true;
    for (const [key, { flight }] of this.#joinable) if (flight.purged) this.#joinable.delete(key);
  }
}
