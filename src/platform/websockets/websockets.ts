import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Request, RequestHandler, Response } from 'express';
import { Counter, Gauge, type Registry } from 'prom-client';
import { closeSoon, rejectConnection } from '../http/client-errors.ts';
import { HttpError } from '../http/errors.ts';
import { hasBody } from '../http/middleware/body.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import type { Logger } from '../observability/logger.ts';
import { type Server, ServerResponse } from '../observability/node-http.ts';

declare module 'http' {
  interface IncomingMessage {
    /** The bytes behind the headers of an upgrade request; undefined for other requests. */
    upgradeHead?: Buffer;
  }
}

/**
 * Takes a connection over, for a library such as `ws` (docs/websockets.md).
 *
 * @param upgrade.onDrain - sets what sends 1001 to the client when the process drains; without it the connection just closes.
 */
export type AcceptWebSocket = (
  req: Request,
  upgrade: { readonly socket: Socket; readonly head: Buffer; readonly onDrain: (close: () => void) => void },
) => void;

interface WebSocketsParts {
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  /** How many may be open; 0: any number. */
  readonly max: number;
}

/** How long clients may take to close their side, in milliseconds: a slow network's time, and short for a drain. */
const CLOSE_TIMEOUT_MS = 5000;

/**
 * WebSockets: made from upgrade requests that pass the app like all requests, limited in number, counted, closed by the drain.
 */
export class WebSockets {
  readonly #parts: WebSocketsParts;
  /** What closes each. */
  readonly #open = new Map<Socket, () => void>();
  readonly #gauge: Gauge;
  readonly #cuts: Counter;
  #isUsed = false;

  constructor(registry: Registry, parts: WebSocketsParts) {
    this.#parts = parts;
    const registers = [registry];
    this.#gauge = new Gauge({ name: 'websockets_open', help: 'Open WebSockets.', registers });
    const help = 'WebSockets whose clients did not close when the process drained.';
    this.#cuts = new Counter({ name: 'websockets_cut_total', help, registers });
  }

  /** If a route is for them, hands upgrade requests to the app. What it responds without accepting one ends the connection. */
  attach(server: Server): void {
    if (!this.#isUsed) return;
    server.on('upgrade', (req, socket: Socket, head) => {
      // Node leaves this socket to us: an error without a listener would end the process.
      socket.on('error', () => socket.destroy());
      // Node reads none with an upgrade.
      if (hasBody(req.headers)) {
        rejectConnection(socket, 'BAD_REQUEST', this.#parts.logger, 'upgrade with a body');
        return;
      }
      req.upgradeHead = head;
      const res = new ServerResponse(req);
      res.shouldKeepAlive = false;
      res.on('finish', () => {
        closeSoon(res.socket?.resume().end() ?? socket);
      });
      try {
        res.assignSocket(socket);
        server.emit('request', req, res);
      } catch {
        // The request before it has no response yet: no client does that.
        socket.destroy();
      }
    });
  }

  /**
   * Mount it behind `csrf`, as the toolkit's `webSocket` is: browsers send cookies with upgrades from pages of any site.
   *
   * @throws {HttpError} UPGRADE_REQUIRED for other requests; UNAVAILABLE at the limit, and while the process drains.
   */
  handler(accept: AcceptWebSocket): RequestHandler {
    this.#isUsed = true;
    const { lifecycle, max } = this.#parts;
    return (req, res) => {
      const { socket, upgradeHead: head } = req;
      if (!head || req.headers.upgrade?.toLowerCase() !== 'websocket') {
        throw new HttpError('UPGRADE_REQUIRED', { headers: { Upgrade: 'websocket' } });
      }
      if (lifecycle.phase === 'draining' || this.#open.size >= (max || Infinity)) {
        throw new HttpError('UNAVAILABLE', { headers: { 'Retry-After': '1' } });
      }
      // The client may have left while the guards waited.
      if (socket.destroyed) return;
      this.#add(socket);
      accept(req, { socket, head, onDrain: (close) => this.#open.set(socket, close) });
      release(res, socket);
    };
  }

  #add(socket: Socket): void {
    this.#open.set(socket, () => socket.destroy());
    this.#gauge.inc();
    // The time limit is for requests.
    socket.setTimeout(0).once('close', () => {
      this.#open.delete(socket);
      this.#gauge.dec();
    });
  }

  /** Closes all, evenly over a time in milliseconds: their clients connect again elsewhere, and not all at once. */
  close(overMs: number): void {
    const step = overMs / this.#open.size;
    [...this.#open.keys()].forEach((socket, index) => {
      setTimeout(() => this.#open.get(socket)?.(), index * step);
    });
    setTimeout(this.cut.bind(this), overMs + CLOSE_TIMEOUT_MS).unref();
  }

  /** Cuts what is still open. */
  cut(): void {
    const cut = this.#open.size;
    if (cut === 0) return;
    this.#parts.logger.warn({ cut }, 'WebSockets were cut');
    this.#cuts.inc(cut);
    for (const socket of this.#open.keys()) socket.destroy();
    this.#open.clear();
  }
}

/** Ends the request, with 101 in its log line and its metrics. The library writes the real response to the socket. */
function release(res: Response, socket: Socket): void {
  res.detachSocket(socket);
  res.assignSocket(new PassThrough() as unknown as Socket);
  res.status(101).end();
}
