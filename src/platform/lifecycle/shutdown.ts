import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../observability/logger.ts';
import { FORCED_MS, type Drain } from './drain.ts';

/** Closes something. `signal` fires when the time for it is over: what is not closed then is cut by the end of the process. */
export type ShutdownHook = (signal: AbortSignal) => unknown;

/** A hook, with a name for the log, when it fails or takes too long. */
export type NamedHook = readonly [name: string, hook: ShutdownHook];

/**
 * Runs the hooks one after the other, the last one added first: it may use what was there before it. A hook that fails or
 * takes too long keeps none of the others from running. A second call finds nothing left to do.
 *
 * @param deadline - fires when there is no more time; a hook that comes later gets one turn of the event loop.
 * @returns whether every hook succeeded in time.
 */
export async function runHooks(hooks: NamedHook[], deadline: AbortSignal, logger: Logger): Promise<boolean> {
  const isLate = deadline.aborted ? Promise.resolve() : once(deadline, 'abort');
  let areDone = true;
  for (let next = hooks.pop(); next; next = hooks.pop()) {
    const [name, hook] = next;
    const done = Promise.resolve(deadline)
      .then(hook)
      .then(() => true);
    const failed = (error: unknown) => {
      logger.error({ name, err: error }, 'shutdown hook failed');
      return false;
    };
    const isDone = await Promise.race([done.catch(failed), isLate.then(() => nextTurn(false))]);
    if (!isDone && deadline.aborted) logger.error({ name }, 'shutdown hook took too long');
    areDone &&= isDone;
  }
  return areDone;
}

export interface ShutdownParts {
  readonly drain: Drain;
  readonly logger: Logger;
  /** Closes what the requests needed, and returns whether that succeeded until the deadline. */
  readonly close: (deadline: AbortSignal) => Promise<boolean>;
  /** How long that may take at least, in milliseconds, where the drain has used up its time. */
  readonly graceMs: number;
  /** The last step: ends the process. */
  readonly exit: (code: 0 | 1) => unknown;
}

/** Shuts a process down whenever it is asked to, also while it starts. */
export class Shutdown {
  readonly #parts: ShutdownParts;
  #listening: Promise<unknown> | undefined;
  #running: Promise<void> | undefined;
  readonly #closeDeadline = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /**
   * Begins to listen, unless the process shuts down already.
   *
   * @returns what `listen` resolves to; undefined when it was not called.
   */
  async unlessBegun<Address>(listen: () => Promise<Address>): Promise<Address | undefined> {
    if (this.#running) return undefined;
    const listening = listen();
    this.#listening = listening;
    return listening;
  }

  /** Drains, runs the shutdown hooks, exits. It is one shutdown, however often it is requested. */
  begin(reason: string, options?: { delay: boolean }): void {
    this.#running ??= this.#run(reason, options);
  }

  /** The second signal: what is not done in two seconds is cut. */
  force(): void {
    this.#parts.drain.force();
    // Before the hooks run, they have their own time to come.
    if (this.#timer) this.#limit(FORCED_MS);
  }

  async #run(reason: string, options?: { delay: boolean }): Promise<void> {
    const { drain, logger, close, graceMs, exit } = this.#parts;
    if (!this.#listening) logger.info({ reason }, 'stopped before it listened');
    // To listen can't be cancelled half-way: the listener would be there after all, and its requests be cut.
    await this.#listening?.catch(() => undefined);
    const clean = this.#listening ? await drain.start(reason, options) : true;
    this.#limit(Math.max(drain.remainingMs, graceMs));
    const closed = await close(this.#closeDeadline.signal);
    clearTimeout(this.#timer);
    exit(clean && closed ? 0 : 1);
  }

  /** Leaves the hooks no more than this time, in milliseconds. */
  #limit(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#closeDeadline.abort();
    }, milliseconds);
  }
}
