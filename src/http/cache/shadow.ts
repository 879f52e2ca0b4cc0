import {
  IncomingMessage,
  ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeader,
} from 'node:http';
import type { Request, RequestHandler, Response } from 'express';

/** What a handler answered, whole. */
export interface Captured {
  readonly status: number;
  /** Names as the handler wrote them. */
  readonly headers: readonly (readonly [name: string, value: OutgoingHttpHeader])[];
  readonly body: Buffer;
}

/** The handler gave an answer that can't be captured: too large, or left to the next handler. */
export class NotCaptured extends Error {
  override readonly name = 'NotCaptured';
}

/**
 * Runs a handler on a request and a response of nobody's, and captures what it answers: one run serves every client
 * that waits, none of them can end it by leaving, and a refresh in the background has no client at all.
 *
 * The handler sees the URL, the scheme, the Host and the headers in `vary`: what its answer may depend on is exactly
 * what the cache's key is made of. It sees no cookie, no session and no address, no condition, no range and no
 * Accept-Encoding, and nothing that middleware found out about the client: `req.user`, `res.locals`.
 *
 * @param maxBytes - the largest body to hold.
 * @throws {NotCaptured}, or what the handler throws or hands to `next`.
 */
export function runOnShadow(
  handler: RequestHandler,
  req: Request,
  res: Response,
  { vary, maxBytes }: { vary: readonly string[]; maxBytes: number },
): Promise<Captured> {
  return new Promise((resolve, reject) => {
    const shadowReq = shadowRequest(req, vary);
    const shadowRes = new ShadowResponse(shadowReq, res, maxBytes, { resolve, reject });
    const fail = (error: unknown) => {
      shadowRes.abandon(error);
    };
    const next = (error?: unknown) => {
      const leaves = !error || error === 'route' || error === 'router';
      fail(leaves ? new NotCaptured('left to the next handler') : error);
    };
    // Where res.sendFile and res.render go with an error.
    shadowReq.next = next;
    try {
      Promise.resolve(handler(shadowReq, shadowRes.response, next)).catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}

/**
 * The request as it is for everybody who asks under the same key: one that never had a client. Whose it is only the log
 * tells, and the id, for that.
 */
function shadowRequest(req: Request, vary: readonly string[]): Request {
  const headers: IncomingHttpHeaders = {};
  for (const name of ['host', ...vary]) {
    if (req.headers[name] !== undefined) headers[name] = req.headers[name];
  }
  const { app, baseUrl, host, hostname, id, log, originalUrl, params, protocol, secure, startedAt, url } =
    req;
  const route: unknown = req.route;
  const same = { app, baseUrl, host, hostname, originalUrl, params, protocol, route, secure, url };
  const ours = { id, log, startedAt };
  const blanks = { method: 'GET', headers, headersDistinct: {}, cookies: {}, ip: undefined, ips: [] };
  const shadow = new IncomingMessage(undefined as never);
  // It has no body: who reads it is at its end at once.
  shadow.push(null);
  shadow.complete = true;
  // The app's own prototype, with what the app may have added.
  Object.setPrototypeOf(shadow, Object.getPrototypeOf(req) as object);
  return Object.defineProperties(shadow, descriptors({ ...same, ...ours, ...blanks })) as Request;
}

/** Plain properties, also where the prototype has a getter without a setter. */
function descriptors(values: object): PropertyDescriptorMap {
  const entries = Object.entries(values) as [string, unknown][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, { value, writable: true, enumerable: true, configurable: true }]),
  );
}

interface Settle {
  readonly resolve: (captured: Captured) => void;
  readonly reject: (error: unknown) => void;
}

type WriteArguments = [chunk?: unknown, encoding?: unknown, callback?: unknown];

/** A response without a connection: real in its headers, while its body stays in memory. */
class ShadowResponse {
  readonly response: Response;
  readonly #maxBytes: number;
  readonly #settle: Settle;
  readonly #parts: Buffer[] = [];
  #size = 0;
  #ended = false;
  #finished = false;

  constructor(req: Request, original: Response, maxBytes: number, settle: Settle) {
    this.#maxBytes = maxBytes;
    this.#settle = settle;
    // The app's own prototype: res.json, res.app and what the app may have added.
    const res = Object.setPrototypeOf(
      new ServerResponse(req),
      Object.getPrototypeOf(original) as object,
    ) as Response;
    this.response = Object.assign(res, {
      req,
      locals: Object.create(null) as object,
      writeHead: (...args: unknown[]) => this.#writeHead(args),
      write: (...args: WriteArguments) => this.#write(args),
      end: (...args: WriteArguments) => this.#end(args),
      flushHeaders: () => {
        this.#begin();
      },
      destroy: (error?: Error) => {
        this.abandon(error ?? new Error('the handler destroyed its response'));
        return res;
      },
    });
    // Node 20 derives these from one another; Node 24 keeps each in a slot of its own, which no end() of ours sets.
    Object.defineProperties(res, {
      finished: { get: () => this.#ended },
      writableEnded: { get: () => this.#ended },
      writableFinished: { get: () => this.#finished },
    });
    req.res = this.response;
  }

  /** Ends it without an answer. Without effect once there is one. */
  abandon(error: unknown): void {
    this.#settle.reject(error);
    this.#close();
  }

  #isOver(): boolean {
    return this.#ended || this.response.destroyed;
  }

  #begin(): void {
    if (!this.response.headersSent) this.response.writeHead(this.response.statusCode);
  }

  #writeHead([status, ...rest]: unknown[]): Response {
    const { response } = this;
    const headers = rest.at(-1);
    // Node keeps headers given here only as text: set, they can be read again.
    for (const [name, value] of headerPairs(headers)) response.setHeader(name, value);
    ServerResponse.prototype.writeHead.call(response, Number(status));
    if (Number(response.getHeader('Content-Length')) > this.#maxBytes) this.#refuse();
    return response;
  }

  #write(args: WriteArguments): boolean {
    if (this.#isOver()) return false;
    this.#begin();
    const [chunk, encoding] = args;
    if (typeof chunk === 'string') this.#add(Buffer.from(chunk, asEncoding(encoding)));
    else if (chunk instanceof Uint8Array)
      this.#add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    const callback = args.find((argument) => typeof argument === 'function');
    if (callback) process.nextTick(callback);
    return true;
  }

  #add(part: Buffer): void {
    this.#parts.push(part);
    this.#size += part.length;
    if (this.#size > this.#maxBytes) this.#refuse();
  }

  #end(args: WriteArguments): Response {
    const { response } = this;
    if (this.#isOver()) return response;
    this.#write(args);
    // It was too large.
    if (this.#isOver()) return response;
    this.#ended = true;
    process.nextTick(() => {
      this.#finished = true;
      response.emit('finish');
      this.#settle.resolve({
        status: response.statusCode,
        headers: headersOf(response),
        body: Buffer.concat(this.#parts),
      });
      this.#close();
    });
    return response;
  }

  #refuse(): void {
    this.abandon(new NotCaptured(`larger than ${this.#maxBytes} bytes`));
  }

  /** What the handler started for this response ends on 'close', as it would with a client. */
  #close(): void {
    if (this.response.destroyed) return;
    this.response.destroyed = true;
    this.#parts.length = 0;
    process.nextTick(() => this.response.emit('close'));
  }
}

/** With the names as they were written, which Node tells but @types/node does not know. */
function headersOf(response: Response): Captured['headers'] {
  const names = (response as unknown as { getRawHeaderNames(): string[] }).getRawHeaderNames();
  return names.map((name) => [name, response.getHeader(name) ?? '']);
}

function headerPairs(headers: unknown): (readonly [string, OutgoingHttpHeader])[] {
  if (Array.isArray(headers)) {
    const flat = headers.flat() as string[];
    return flat.flatMap((name, index) => (index % 2 ? [] : [[name, flat[index + 1] ?? ''] as const]));
  }
  return typeof headers === 'object' && headers !== null
    ? (Object.entries(headers) as [string, OutgoingHttpHeader][])
    : [];
}

function asEncoding(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}
