import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

/** Called when a response is over: whole, or cut off because a side closed the connection. */
export type OnResponseClosed = (response: ServerResponse) => void;

/** The numbers of requests that wait for their response, and of those that are over. */
export interface RequestCounts {
  readonly inFlight: number;
  readonly answered: number;
}

/**
 * A server's connections, each with the response in flight on it, so that a drain can distinguish a client in the middle
 * of a request from one that is idle. Node distinguishes them too, but counts neither those that never sent a byte nor
 * the responses.
 */
export class Connections implements RequestCounts {
  readonly #server: Server;
  /**
   * The last response in flight on each connection. Not a Set of responses: where so many pass through one, V8 keeps those
   * that are over until the next full collection.
   */
  readonly #sockets = new Map<Socket, ServerResponse | undefined>();
  #keepAlive = true;
  inFlight = 0;
  answered = 0;

  constructor(server: Server, onResponseClosed: OnResponseClosed = () => undefined) {
    this.#server = server;
    const closed = (response: ServerResponse) => {
      const { socket } = response.req;
      if (this.#sockets.get(socket) === response) this.#sockets.set(socket, undefined);
      this.inFlight -= 1;
      this.answered += 1;
      onResponseClosed(response);
    };
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.inFlight += 1;
      if (this.#sockets.has(socket)) this.#sockets.set(socket, response);
      if (!this.#keepAlive) response.shouldKeepAlive = false;
      response.once('close', () => {
        closed(response);
      });
    });
    server.on('connection', (socket: Socket) => {
      this.#sockets.set(socket, undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get open(): number {
    return this.#sockets.size;
  }

  /**
   * Closes the listener, and nothing but the listener. `http.Server.close` would also close idle connections at once,
   * while clients send on them, and stop the timer that enforces the header timeout.
   */
  stopListening(): void {
    NetServer.prototype.close.call(this.#server);
  }

  /** From here on every response has "Connection: close", those in flight included whose headers are not sent yet. */
  refuseKeepAlive(): void {
    this.#keepAlive = false;
    for (const response of this.#sockets.values())
      if (response?.headersSent === false) response.shouldKeepAlive = false;
  }

  /** Closes connections between two requests, and those that sent nothing (browsers open them ahead of need). */
  closeIdle(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#sockets.keys()) if (socket.bytesRead === 0) socket.destroy();
  }

  closeAll(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#sockets.keys()) socket.destroy();
  }
}
