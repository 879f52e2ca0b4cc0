import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../observability/logger.ts';

/** Closes something. `signal` fires when the time for it is over: what is not closed then is cut by the end of the process. */
export type ShutdownHook = (signal: AbortSignal) => unknown;

/** What is to be closed at the end of the process. */
export class ShutdownHooks {
  readonly #logger: Logger;
  readonly #deadline = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #hooks: { readonly name: string; readonly hook: ShutdownHook }[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param name - for the log, when the hook fails or takes too long. */
  add(name: string, hook: ShutdownHook): void {
    this.#hooks.push({ name, hook });
  }

  /**
   * Runs the hooks one after the other, the last one added first: it may use what was there before it. A hook that fails
   * or takes too long keeps none of the others from running. A second call finds nothing left to do.
   *
   * @param timeoutMs - for all hooks together.
   * @returns whether every hook succeeded in time.
   */
  async run(timeoutMs: number): Promise<boolean> {
    const { signal } = this.#deadline;
    const isLate = new Promise<boolean>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(false);
      });
    });
    this.force(timeoutMs);
    let areDone = true;
    for (let next = this.#hooks.pop(); next; next = this.#hooks.pop()) {
      const { name, hook } = next;
      // A hook whose turn comes after the deadline gets one turn of the event loop.
      const tooLate = isLate.then((done) => nextTurn(done));
      const isDone = await Promise.race([this.#attempt(name, hook, signal), tooLate]);
      if (!isDone && signal.aborted) this.#logger.error({ name }, 'shutdown hook took too long');
      areDone &&= isDone;
    }
    clearTimeout(this.#timer);
    return areDone;
  }

  /** Leaves the hooks no more than this time, in milliseconds. */
  force(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#deadline.abort();
      },
      Math.max(0, timeoutMs),
    );
  }

  async #attempt(name: string, hook: ShutdownHook, signal: AbortSignal): Promise<boolean> {
    try {
      await hook(signal);
      return true;
    } catch (error) {
      this.#logger.error({ name, err: error }, 'shutdown hook failed');
      return false;
    }
  }
}
