import type { Readable } from 'node:stream';
import type { NextFunction, Request, RequestHandler, Response as ExpressResponse } from 'express';
import { tracedFetch } from '../tracing/trace.ts';
import { HttpError, thrownError } from './errors.ts';

/** What a handler gets beside the request and the response. */
export interface HandlerContext {
  /**
   * Fires when the client has left or the request's deadline has passed. Pass it to whatever waits (fetch, timers,
   * streams). It is created when it is first read.
   */
  readonly signal: AbortSignal;
  /** `fetch` for other systems: it has the request's `signal`, and passes its trace on (docs/tracing.md). */
  readonly fetch: typeof fetch;
}

export type Handler<Params = Request['params']> = (
  req: Request<Params>,
  res: ExpressResponse,
  context: HandlerContext,
) => unknown;

const DEFAULT_TIMEOUT_MS = 30_000;

/** The longest delay of a timer of Node, which fires at once for a longer one. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Turns a handler that may be async, may throw, and may return what is to be sent (a stream of Node's or the web's, a
 * web `Response`, a `Blob`) into an Express handler. Whatever is thrown, `undefined` included, reaches the error
 * handler, once.
 *
 * The response must have begun before the deadline, else the client gets a 503 at once, even if the handler ignores the
 * signal. The handler goes on, and what it sends then comes too late: look at `res.headersSent` first in a callback,
 * because Node throws. A response that has begun, an event stream or a download, has no deadline: it is cut when nothing
 * moves on its connection for twice REQUEST_TIMEOUT_SECONDS or RECEIVE_TIMEOUT_SECONDS, whichever is more.
 *
 * @param options.timeoutMs - until the response must have begun, from the handler's start: from 1 to 2,147,483,647, or
 *   Infinity for no deadline (a handler that itself reads a long upload). Default: the app's REQUEST_TIMEOUT_SECONDS,
 *   which `createApp` sets as `app.locals.requestTimeoutMs`.
 * @throws {RangeError} when `timeoutMs` is something else.
 */
export function wrap<Params = Request['params']>(
  handler: Handler<Params>,
  { timeoutMs }: { timeoutMs?: number } = {},
): RequestHandler<Params> {
  if (timeoutMs !== undefined) assertTimeout(timeoutMs);
  return (req, res, next) => {
    const call = new Call(res, next, timeoutMs);
    try {
      call.follow(handler(req, res, call));
    } catch (error) {
      call.fail(error);
    }
    call.watchUnlessBegun();
  };
}

function assertTimeout(timeoutMs: number): void {
  if (timeoutMs === Infinity || (timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) return;
  throw new RangeError(`timeoutMs must be from 1 to ${MAX_TIMEOUT_MS}, or Infinity`);
}

/** One call of a handler, with its deadline. It calls the error handler at most once. */
class Call implements HandlerContext {
  readonly #res: ExpressResponse;
  readonly #next: NextFunction;
  readonly #timeoutMs: number | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #watched = false;
  #failed = false;

  constructor(res: ExpressResponse, next: NextFunction, timeoutMs: number | undefined) {
    this.#res = res;
    this.#next = next;
    this.#timeoutMs = timeoutMs;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#res.destroyed) this.#controller.abort(new ClientLeft());
      else this.#watch();
    }
    return this.#controller.signal;
  }

  get fetch(): typeof fetch {
    return (...args) => tracedFetch({ trace: this.#res.req.trace, signal: this.signal }, ...args);
  }

  /** Sends what the handler returned or its promise resolves with. */
  readonly follow = (result: unknown): void => {
    if (isPromiseLike(result)) result.then(this.follow, this.fail);
    else sendResult(this.#res, result)?.catch(this.fail);
  };

  readonly fail = (thrown: unknown): void => {
    if (this.#failed) return;
    this.#failed = true;
    // The client has left, and the error most likely comes from the aborted signal.
    if (this.#res.destroyed && !this.#res.writableFinished && isAbort(thrown)) return;
    this.#next(thrownError(thrown));
  };

  /** Most handlers that are not async have responded when they return: they need no timer. */
  watchUnlessBegun(): void {
    const { headersSent, writableEnded, destroyed } = this.#res;
    if (!this.#failed && !headersSent && !writableEnded && !destroyed) this.#watch();
  }

  #watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    const locals = this.#res.app.locals as { requestTimeoutMs?: number };
    const timeoutMs = this.#timeoutMs ?? locals.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (timeoutMs !== Infinity) {
      this.#timer = setTimeout(() => {
        this.#expire();
      }, timeoutMs);
    }
    this.#res.once('close', () => {
      clearTimeout(this.#timer);
      if (!this.#res.writableFinished) this.#controller?.abort(new ClientLeft());
    });
  }

  #expire(): void {
    if (this.#res.headersSent) return;
    const error = new HttpError('DEADLINE_EXCEEDED', { headers: { 'Retry-After': '1' } });
    // A handler that ignores the signal may go on to write, which is an error without a listener.
    this.#res.on('error', () => undefined);
    this.fail(error);
    this.#controller?.abort(error);
  }
}

/** The reason of the signal when the client has left. */
export class ClientLeft extends Error {
  override readonly name = 'AbortError';

  constructor() {
    super('the client closed the connection before it had its response');
  }
}

function isAbort(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE');
}

/** Headers of the connection that a response came over; ours has its own. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** `fetch` has decompressed the body that these describe. */
const TRANSFER_HEADERS = new Set(['content-encoding', 'content-length']);

/** Not `instanceof Promise`: other libraries bring their own. */
export function isPromiseLike(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function';
}

/**
 * Sends what a handler returned, where it is something to send: a stream (Node's, the web's, an async generator), a
 * web `Response` or a `Blob`. Anything else is ignored: many handlers return what `res.json` returned.
 *
 * @returns a promise that settles when it is sent; undefined when there is nothing to send.
 */
function sendResult(res: ExpressResponse, result: unknown): Promise<void> | undefined {
  // `req.on` and `req.resume` return the request, in a handler of one expression: nobody means to send that back.
  if (typeof result !== 'object' || result === null || result === res.req) return undefined;
  if (isStream(result)) return sendStream(res, result);
  if (isResponse(result)) return sendResponse(res, result);
  if (result instanceof Blob) return sendResponse(res, new Response(result));
  return undefined;
}

type Stream = Readable | ReadableStream<unknown> | AsyncGenerator;

/** Streams of other packages are not of Node's classes, and not every async iterable is meant to be sent. */
function isStream(result: object): result is Stream {
  const { getReader, read, next } = result as Record<string, unknown>;
  if (typeof getReader === 'function') return true;
  return Symbol.asyncIterator in result && (typeof read === 'function' || typeof next === 'function');
}

/**
 * Sends a stream as the response's body. When the client leaves, the stream is destroyed.
 *
 * @throws whatever the stream fails with: before the first chunk for an error response, else to have the connection cut.
 */
async function sendStream(res: ExpressResponse, stream: Stream): Promise<void> {
  const { chunks, cancel } = open(stream);
  let resume: () => void = () => undefined;
  const stop = () => {
    cancel();
    resume();
  };
  // One listener for all chunks: the compression package keeps each that is added.
  res.once('close', stop).on('drain', () => {
    resume();
  });
  try {
    for await (const chunk of res.destroyed ? [] : chunks) {
      if (res.destroyed || res.writableEnded || res.req.method === 'HEAD') break;
      if (!res.write(chunk)) await new Promise<void>((resolve) => (resume = resolve));
    }
    if (!res.destroyed) res.end();
  } finally {
    res.off('close', stop);
    cancel();
  }
}

/** The chunks of a stream, and what frees it, also while a chunk is being waited for. */
function open(stream: Stream): { chunks: AsyncIterable<unknown>; cancel: () => void } {
  if ('getReader' in stream) {
    const reader = stream.getReader();
    return { chunks: read(reader), cancel: () => void reader.cancel().catch(() => undefined) };
  }
  if ('return' in stream) {
    return { chunks: stream, cancel: () => void stream.return(undefined).catch(() => undefined) };
  }
  // It may still fail while it is being destroyed, when nothing waits for it any more.
  if ('on' in stream) stream.on('error', () => undefined);
  return { chunks: stream, cancel: () => (stream as Partial<Readable>).destroy?.() };
}

/** A stream of another package need not be async iterable. */
async function* read(reader: ReadableStreamDefaultReader<unknown>): AsyncGenerator {
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

/** Not `instanceof Response`: undici and others bring their own. */
function isResponse(result: object): result is Response {
  const { status, headers, arrayBuffer } = result as Partial<Response>;
  return (
    typeof status === 'number' && typeof headers?.forEach === 'function' && typeof arrayBuffer === 'function'
  );
}

async function sendResponse(res: ExpressResponse, response: Response): Promise<void> {
  if (response.bodyUsed) throw new TypeError('the Response that the handler returned has been read already');
  res.status(response.status);
  response.headers.forEach((value, name) => {
    // It has a URL if it came from fetch.
    if (HOP_BY_HOP.has(name) || (response.url && TRANSFER_HEADERS.has(name))) return;
    if (name === 'set-cookie' || name === 'vary') res.append(name, value);
    else res.setHeader(name, value);
  });
  if (response.body) await sendStream(res, response.body as Stream);
  else res.end();
}
