import { Clock } from './clock.ts';
import type { Logger } from '../observability/logger.ts';

/** How often the loop runs when nothing happens, in milliseconds. */
const TICK_MS = 1000;

/** Runs a function once a second, and earlier where that is asked for. */
export class Loop {
  readonly #clock = new Clock(TICK_MS);
  readonly #work: () => void;
  readonly #logger: Logger;
  #ticker: NodeJS.Timeout | undefined;
  #waker: NodeJS.Timeout | undefined;

  constructor(logger: Logger, work: () => void) {
    this.#logger = logger;
    this.#work = work;
  }

  /** Milliseconds of the supervisor's clock. */
  get now(): number {
    return this.#clock.now();
  }

  start(): void {
    this.#ticker = setInterval(() => {
      const asleepMs = this.#clock.tick();
      if (asleepMs === 0) this.#work();
      // What the workers said meanwhile is still to be read: who is silent shows in the next round.
      else this.#logger.warn({ seconds: asleepMs / 1000 }, 'the primary was asleep');
    }, TICK_MS);
    this.#work();
  }

  /** Does the work now; after a sleep only when the clock has been set, with the next tick. */
  readonly run = (): void => {
    if (!this.#clock.isAsleep()) this.#work();
  };

  /** Runs at this time too, if it comes before the next tick; replaces an earlier such wish. */
  wakeAt(time: number): void {
    clearTimeout(this.#waker);
    const waitMs = time - this.now;
    if (waitMs < TICK_MS) this.#waker = setTimeout(this.run, Math.max(0, waitMs) + 1);
  }

  stop(): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#waker);
  }
}
