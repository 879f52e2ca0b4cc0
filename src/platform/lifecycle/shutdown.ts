import { FORCED_MS, type Drain } from './drain.ts';
import type { Logger } from '../observability/logger.ts';
import type { ShutdownHooks } from './shutdown-hooks.ts';

export interface ShutdownParts {
  readonly drain: Drain;
  readonly logger: Logger;
  /** Closes what the requests needed. */
  readonly hooks: ShutdownHooks;
  /** How long that may take at least, in milliseconds, where the drain has used up its time. */
  readonly graceMs: number;
  /** The last step: ends the process. */
  readonly exit: (code: 0 | 1) => unknown;
}

/** How a process leaves, whenever it is told to: also while it starts. */
export class Shutdown {
  readonly #parts: ShutdownParts;
  #listening: Promise<unknown> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /**
   * Begins to listen, unless the process is leaving.
   *
   * @returns what `listen` resolves to; undefined when it was not called.
   */
  async unlessLeaving<Address>(listen: () => Promise<Address>): Promise<Address | undefined> {
    if (this.#leaving) return undefined;
    const listening = listen();
    this.#listening = listening;
    return listening;
  }

  /** Leaves: drains, runs the shutdown hooks, exits. It is one shutdown, however often it is asked for. */
  begin(reason: string, options?: { delay: boolean }): void {
    this.#leaving ??= this.#leave(reason, options);
  }

  /** The second signal: what is not done in two seconds is cut. */
  force(): void {
    const { drain, hooks } = this.#parts;
    drain.force();
    hooks.force(FORCED_MS);
  }

  async #leave(reason: string, options?: { delay: boolean }): Promise<void> {
    const { drain, logger, hooks, graceMs, exit } = this.#parts;
    if (!this.#listening) logger.info({ reason }, 'stopped before it listened');
    // To listen can't be called off half-way: the listener would be there after all, and its requests be cut.
    await this.#listening?.catch(() => undefined);
    const clean = this.#listening ? await drain.start(reason, options) : true;
    const closed = await hooks.run(Math.max(drain.remainingMs, graceMs));
    exit(clean && closed ? 0 : 1);
  }
}
