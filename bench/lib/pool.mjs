import { Connection } from './client.mjs';
import { newTally, resultOf, tallyInto } from './tally.mjs';

/** Connections that are opened at a time: fewer than a server's backlog has room for. */
export const OPENED_AT_A_TIME = 32;

/** What opening them may take, in milliseconds. */
const OPEN_MS = 60_000;

/**
 * Connections that stay open from one load to the next. Requests walk round them, and round a list, so that each connection
 * and each request gets its turn.
 */
export class Pool {
  #connections;
  #inFlight;
  #requests;
  /** Shared by all connections; each load sets its own listeners. */
  #options;
  #all = [];
  #sent = 0;
  #next = 0;

  /**
   * @param options.connections - how many.
   * @param options.inFlight - how many requests are under way at a time.
   * @param options.requests - the requests, as text.
   */
  constructor({ port, connections, inFlight, requests }) {
    this.#connections = connections;
    this.#inFlight = Math.min(inFlight, connections);
    this.#requests = requests.map((text) => Buffer.from(text));
    this.#options = { port, idle: true };
  }

  /** Opens each with a request. */
  open() {
    const inFlight = Math.min(OPENED_AT_A_TIME, this.#connections);
    return this.#load({ milliseconds: OPEN_MS, requests: this.#connections, inFlight });
  }

  run({ milliseconds }) {
    return this.#load({ milliseconds, requests: Infinity, inFlight: this.#inFlight });
  }

  async close() {
    this.#all.forEach((connection) => connection.stop());
    await Promise.all(this.#all.map(({ done }) => done));
  }

  async #load({ milliseconds, requests, inFlight }) {
    const seen = newTally();
    const begun = performance.now();
    let [left, underWay] = [requests, 0];
    await new Promise((resolve) => {
      const next = () => {
        if (left > 0 && performance.now() - begun < milliseconds) {
          left--;
          underWay++;
          this.#send();
        } else if (underWay === 0) resolve();
      };
      const { onResponse, onError } = tallyInto(seen, {});
      this.#options.onResponse = (status, ms) => {
        onResponse(status, ms);
        underWay--;
        next();
      };
      this.#options.onError = () => {
        onError();
        underWay--;
        // Once the connection has been opened again.
        setImmediate(next);
      };
      for (let i = 0; i < inFlight; i++) next();
    });
    return resultOf(seen, performance.now() - begun);
  }

  #send() {
    this.#free().send(this.#requests[this.#sent++ % this.#requests.length]);
  }

  /** A new one until all are there; then the next in turn that is not busy. */
  #free() {
    if (this.#all.length < this.#connections) {
      const connection = new Connection(this.#options);
      this.#all.push(connection);
      return connection;
    }
    do this.#next = (this.#next + 1) % this.#connections;
    while (this.#all[this.#next].isBusy);
    return this.#all[this.#next];
  }
}
