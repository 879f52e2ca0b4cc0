import { Server as NetServer, type Socket } from 'node:net';
import type { Server, ServerResponse } from 'node:http';
import { InFlight } from './in-flight.ts';

/** Called when a response is through: whole, or cut off because a side closed the connection. */
export type OnResponseClosed = (response: ServerResponse) => void;

/** How many requests are being answered, and how many are through. */
export interface RequestCounts {
  readonly inFlight: number;
  readonly answered: number;
}

/**
 * Knows a server's connections and the responses in flight on them, so that a drain can tell a client in the middle of
 * a request from one that is idle. Node knows idle connections too, but counts neither those that never sent a byte nor
 * the responses.
 */
export class Connections implements RequestCounts {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #responses = new InFlight();
  #keepAlive = true;
  #answered = 0;

  constructor(server: Server, onResponseClosed: OnResponseClosed = () => undefined) {
    this.#server = server;
    const through = (response: ServerResponse) => {
      this.#responses.delete(response);
      this.#answered += 1;
      onResponseClosed(response);
    };
    // One function for all responses: a closure for each would cost every request.
    function closed(this: ServerResponse) {
      through(this);
    }
    server.prependListener('request', (_request, response) => {
      this.#responses.add(response);
      if (!this.#keepAlive) response.shouldKeepAlive = false;
      response.on('close', closed);
    });
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get inFlight(): number {
    return this.#responses.size;
  }

  get answered(): number {
    return this.#answered;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /**
   * Closes the listener, and nothing but the listener. `http.Server.close` would also close idle connections at once,
   * under the feet of clients that are just sending on them, and stop the timer that enforces the header timeout.
   */
  stopListening(): void {
    NetServer.prototype.close.call(this.#server);
  }

  /** From now on every answer says "Connection: close", those whose headers are not out yet included. */
  refuseKeepAlive(): void {
    this.#keepAlive = false;
    for (const response of this.#responses) if (!response.headersSent) response.shouldKeepAlive = false;
  }

  /** Closes connections between two requests, and those on which nothing ever came (browsers open them ahead of need). */
  closeIdle(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  closeAll(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }
}
