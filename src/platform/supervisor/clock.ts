/** A tick that is later than this was not late, it was asleep: the machine was suspended, or the process stopped. */
const ASLEEP_MS = 2000;

/**
 * The supervisor's clock, in milliseconds: it runs only while the supervisor does. After the machine was suspended or the
 * primary was stopped for a minute, no worker has been silent for a minute: nobody was listening.
 */
export class Clock {
  readonly #monotonicMs: () => number;
  readonly #tickMs: number;
  #tickedAt: number;
  #asleepMs = 0;

  constructor(tickMs: number, monotonicMs: () => number = () => performance.now()) {
    this.#tickMs = tickMs;
    this.#monotonicMs = monotonicMs;
    this.#tickedAt = monotonicMs();
  }

  now(): number {
    return this.#monotonicMs() - this.#asleepMs;
  }

  /** Whether the next tick will find that the clock has to be set back. */
  isAsleep(): boolean {
    return this.#lateMs() > ASLEEP_MS;
  }

  /**
   * To be called every `tickMs`.
   *
   * @returns how long the clock stood still since the last call, 0 if it did not.
   */
  tick(): number {
    const late = this.#lateMs();
    this.#tickedAt = this.#monotonicMs();
    if (late <= ASLEEP_MS) return 0;
    this.#asleepMs += late;
    return late;
  }

  #lateMs(): number {
    return this.#monotonicMs() - this.#tickedAt - this.#tickMs;
  }
}
