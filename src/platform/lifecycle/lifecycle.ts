/** Where a process is between its start and its end. */
export type Phase = 'starting' | 'ready' | 'draining';

/** What the health checks report and the drain sets. A process goes through the phases once, in order. */
export class Lifecycle {
  #phase: Phase = 'starting';
  readonly #lastCall = new AbortController();

  get phase(): Phase {
    return this.#phase;
  }

  /** Fires when answers without an end of their own (event streams) must end, so that the process can leave. */
  get lastCall(): AbortSignal {
    return this.#lastCall.signal;
  }

  /** Without effect once the process drains: a start that ends late must not undo the stop. */
  markReady(): void {
    if (this.#phase === 'starting') this.#phase = 'ready';
  }

  markDraining(): void {
    this.#phase = 'draining';
  }

  endStreams(): void {
    this.#lastCall.abort();
  }
}
