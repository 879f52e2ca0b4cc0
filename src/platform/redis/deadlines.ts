import type { Command } from 'ioredis';

/** A command without a response is given up at the fifth tick after it: 400 to 500 ms. */
const TICK_MS = 100;
const TICKS = 5;

/**
 * Gives up commands that get no response in about half a second.
 *
 * Time alone does not tell: when the process was paused (garbage collection, a stopped container, a handler that
 * computes), every timer is due before anything is read that arrived meanwhile. So it counts ticks. A pause, however
 * long, is one tick, and at each tick what has arrived is read first.
 */
export class Deadlines {
  readonly #onLate: () => void;
  #waiting: { readonly command: Command; ticks: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onLate - called once when commands were given up: the connection is dead. */
  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  watch(command: Command): void {
    this.#waiting.push({ command, ticks: 0 });
    this.#timer ??= setInterval(() => {
      // Runs after what has arrived was read.
      setImmediate(() => {
        this.#tick();
      });
    }, TICK_MS).unref();
  }

  #tick(): void {
    this.#waiting = this.#waiting.filter(({ command }) => !command.isSettled);
    for (const waiting of this.#waiting) waiting.ticks++;
    const late = this.#waiting.filter(({ ticks }) => ticks >= TICKS);
    for (const { command } of late) command.reject(new Error('Command timed out'));
    if (late.length > 0) this.#onLate();
    if (this.#waiting.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
