import type { ServerResponse } from 'node:http';

declare module 'http' {
  interface ServerResponse {
    /** Where the list of responses in flight has this one. */
    inFlightAt?: number;
  }
}

/**
 * The responses in flight.
 *
 * Not a Set: one that so much passes through is copied to a new table again and again, and V8 keeps a pointer from each
 * old table to the next. Once one of them is in the old generation it keeps all that follow, and the responses in them,
 * until the next full collection: a quarter of all garbage survived, and a request with a session cost a third more
 * (docs/performance.md). An array has no such memory.
 */
export class InFlight {
  readonly #responses: ServerResponse[] = [];

  get size(): number {
    return this.#responses.length;
  }

  add(response: ServerResponse): void {
    response.inFlightAt = this.#responses.push(response) - 1;
  }

  /** @returns whether it was there. */
  delete(response: ServerResponse): boolean {
    const { inFlightAt: at = -1 } = response;
    if (this.#responses[at] !== response) return false;
    const last = this.#responses.pop();
    // The last takes the place that is free now.
    if (last && last !== response) {
      this.#responses[at] = last;
      last.inFlightAt = at;
    }
    return true;
  }

  [Symbol.iterator](): Iterator<ServerResponse> {
    return this.#responses[Symbol.iterator]();
  }
}
