/** Milliseconds between two rounds when nothing happens: the accuracy of respawn delays and deadlines. */
const TICK_MS = 200;

/** A tick that is later than this was not late: the machine was suspended, or this process stopped. */
const SUSPENDED_MS = 2000;

export interface LoopOptions {
  readonly run: () => void;
  /** Called after a suspension with its length. */
  readonly resumed: (suspendedMs: number) => void;
  readonly monotonicMs?: () => number;
}

/**
 * Calls a function at every tick, and whenever it is asked to.
 *
 * Its clock stands still while the process is suspended: after a minute of that, no worker has been silent for a minute,
 * because nobody read its messages.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #monotonicMs: () => number;
  #tickedAt: number;
  #suspendedMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#tickedAt = this.#monotonicMs();
  }

  /** Milliseconds of the supervisor's clock. */
  get now(): number {
    return this.#monotonicMs() - this.#suspendedMs;
  }

  start(): void {
    this.#timer = setInterval(this.tick.bind(this), TICK_MS);
    this.#options.run();
  }

  /** Runs now; after a suspension only with the next tick, which corrects the clock. */
  run(): void {
    if (this.#lateMs <= SUSPENDED_MS) this.#options.run();
  }

  /** After a suspension it skips one round: the messages of the workers are still to be read. */
  tick(): void {
    const late = this.#lateMs;
    this.#tickedAt = this.#monotonicMs();
    if (late <= SUSPENDED_MS) {
      this.#options.run();
      return;
    }
    this.#suspendedMs += late;
    this.#options.resumed(late);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get #lateMs(): number {
    return this.#monotonicMs() - this.#tickedAt - TICK_MS;
  }
}
