import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { HttpError, thrownError } from './errors.ts';
import { isPromiseLike, sendResult } from './result.ts';

/** What a handler gets beside the request and the response. */
export interface HandlerContext {
  /**
   * Fires when the client has left or the request's deadline has passed. Pass it to whatever waits (fetch, timers,
   * streams). It is created when it is first read.
   */
  readonly signal: AbortSignal;
}

export type Handler<Params = Request['params']> = (
  req: Request<Params>,
  res: Response,
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
  readonly #res: Response;
  readonly #next: NextFunction;
  readonly #timeoutMs: number | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #watched = false;
  #failed = false;

  constructor(res: Response, next: NextFunction, timeoutMs: number | undefined) {
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
