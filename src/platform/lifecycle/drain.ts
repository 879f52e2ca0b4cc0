import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import type { WebSockets } from '../websockets/websockets.ts';
import type { Connections } from './connections.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface DrainParts {
  readonly connections: Connections;
  readonly webSockets?: WebSockets;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  readonly times: Pick<PlatformConfig, 'DRAIN_DELAY_SECONDS' | 'LINGER_SECONDS' | 'DRAIN_TIMEOUT_SECONDS'>;
}

/** How often a drain checks whether it is done, in milliseconds. */
const POLL_MS = 25;

/** How long a process may take after a second signal, in milliseconds. */
export const FORCED_MS = 2000;

/**
 * Stops a process that serves HTTP without losing a request:
 *
 * 1. `/readyz` fails, so that balancers choose other processes; DRAIN_DELAY_SECONDS for those that only poll.
 * 2. The listener closes. Connections stay, and every response on them has "Connection: close", for LINGER_SECONDS: a
 *    client that is about to send on an idle connection gets a response instead of a reset. WebSockets close, spread
 *    over the same time; one whose client does not close its side within five seconds is cut.
 * 3. Idle connections close, again and again, until no request is in flight.
 * 4. At DRAIN_TIMEOUT_SECONDS what is left is cut.
 */
export class Drain {
  readonly #parts: DrainParts;
  #deadline = Infinity;
  #running: Promise<boolean> | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  /**
   * Begins to drain; a second call waits for the same drain.
   *
   * @param options.delay - whether DRAIN_DELAY_SECONDS counts; not where others go on serving in place of this process.
   * @returns whether every request got its response: false when some had to be cut at the deadline.
   */
  start(reason: string, { delay = true } = {}): Promise<boolean> {
    return (this.#running ??= this.#drain(reason, delay));
  }

  /** The second signal: what is not done in two seconds is cut. */
  force(): void {
    this.#deadline = Math.min(this.#deadline, performance.now() + FORCED_MS);
  }

  /** What is left of the time until the deadline, in milliseconds; all of DRAIN_TIMEOUT_SECONDS before the drain. */
  get remainingMs(): number {
    const { DRAIN_TIMEOUT_SECONDS } = this.#parts.times;
    return Math.min(DRAIN_TIMEOUT_SECONDS * 1000, Math.max(0, this.#deadline - performance.now()));
  }

  async #drain(reason: string, delay: boolean): Promise<boolean> {
    const { connections, webSockets, lifecycle, logger, times } = this.#parts;
    const begun = performance.now();
    const delayMs = delay ? times.DRAIN_DELAY_SECONDS * 1000 : 0;
    this.#deadline = Math.min(this.#deadline, begun + delayMs + times.DRAIN_TIMEOUT_SECONDS * 1000);
    lifecycle.markDraining();
    logger.info({ reason, inFlight: connections.inFlight }, 'draining');
    await this.#wait(delayMs);
    connections.stopListening();
    connections.refuseKeepAlive();
    webSockets?.close(times.LINGER_SECONDS * 1000);
    await this.#wait(times.LINGER_SECONDS * 1000);
    lifecycle.endStreams();
    while (connections.open > 0 && performance.now() < this.#deadline) {
      connections.closeIdle();
      await sleep(POLL_MS);
    }
    const cut = connections.inFlight;
    webSockets?.cut();
    connections.closeAll();
    const seconds = Math.round(performance.now() - begun) / 1000;
    if (cut > 0) logger.error({ seconds, cut }, 'drained at the deadline; requests were cut');
    else logger.info({ seconds }, 'drained');
    return cut === 0;
  }

  /** Waits, but not past the deadline, which a second signal may have made earlier. */
  async #wait(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds;
    while (performance.now() < Math.min(until, this.#deadline)) await sleep(POLL_MS);
  }
}
