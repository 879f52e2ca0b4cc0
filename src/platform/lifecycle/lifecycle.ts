/** Where a process is between its start and its end. */
export type Phase = 'starting' | 'ready' | 'draining';

/** What the health checks report and the drain sets. A process goes through the phases once, in order. */
export class Lifecycle {
  #phase: Phase = 'starting';
  readonly #closing = new AbortController();
  /** What `/readyz` reports by name beside the phase: whether each of the app's own stores is up. */
  readonly checks = new Map<string, () => boolean>();

  get phase(): Phase {
    return this.#phase;
  }

  /** Fires when responses without an end of their own (event streams) must end, so that the process can exit. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Adds a store of the app's own to `/readyz`. One that is down makes the process degraded, not unready: a new process
   * would change nothing about it.
   *
   * @param isUp - is called for each probe: it must return at once, and not ask the store.
   */
  addCheck(name: string, isUp: () => boolean): void {
    this.checks.set(name, isUp);
  }

  /** Without effect once the process drains: a start that ends late must not undo the stop. */
  markReady(): void {
    if (this.#phase === 'starting') this.#phase = 'ready';
  }

  markDraining(): void {
    this.#phase = 'draining';
  }

  endStreams(): void {
    this.#closing.abort();
  }
}
