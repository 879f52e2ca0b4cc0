import type { Drain } from './drain.ts';
import type { Logger } from '../observability/logger.ts';

export interface DepartureParts {
  readonly drain: Drain;
  readonly logger: Logger;
  /** Closes what the requests needed. */
  readonly closeStores: () => Promise<void>;
  /** The last step: ends the process. */
  readonly exit: (code: 0 | 1) => unknown;
}

/** How a process leaves, whenever it is told to: also while it starts. */
export class Departure {
  readonly #parts: DepartureParts;
  #listening: Promise<unknown> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(parts: DepartureParts) {
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

  /** Leaves: drains, closes the stores, exits. It is one departure, however often it is asked for. */
  begin(reason: string, options?: { delay: boolean }): void {
    this.#leaving ??= this.#leave(reason, options);
  }

  async #leave(reason: string, options?: { delay: boolean }): Promise<void> {
    const { drain, logger, closeStores, exit } = this.#parts;
    if (!this.#listening) logger.info({ reason }, 'stopped before it listened');
    // To listen can't be called off half-way: the listener would be there after all, and its requests be cut.
    await this.#listening?.catch(() => undefined);
    const clean = this.#listening ? await drain.start(reason, options) : true;
    await closeStores();
    exit(clean ? 0 : 1);
  }
}
