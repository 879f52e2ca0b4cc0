import { Readable } from 'node:stream';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { HttpError } from './errors.ts';
import { sendStream } from './stream.ts';

/** What a handler gets beside the request and the response. */
export interface HandlerContext {
  /**
   * Fires when the client has left or the request's deadline has passed. Hand it to whatever waits (fetch, timers,
   * streams). It is made when it is first read: a handler that does not ask for it costs nothing, and has no deadline.
   */
  readonly signal: AbortSignal;
}

export type Handler<Params = Request['params']> = (
  req: Request<Params>,
  res: Response,
  context: HandlerContext,
) => unknown;

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Makes an Express handler of one that may be async, may throw, and may return a stream to be sent. Whatever goes
 * wrong reaches the error handler, once.
 *
 * When the deadline passes, the client is told so at once with a 503, even if the handler does not heed the signal.
 *
 * @param options.timeoutMs - until the answer must have begun, from the moment the handler asks for the signal;
 *   unset: the app's REQUEST_TIMEOUT_SECONDS, which `createApp` keeps in `app.locals.requestTimeoutMs`.
 */
export function wrap<Params = Request['params']>(
  handler: Handler<Params>,
  { timeoutMs }: { timeoutMs?: number } = {},
): RequestHandler<Params> {
  return (req, res, next) => {
    const call = new Call(res, next, timeoutMs);
    try {
      const result = handler(req, res, call);
      if (result instanceof Readable) call.follow(sendStream(res, result));
      else if (isThenable(result)) call.follow(result);
    } catch (error) {
      call.fail(error);
    }
  };
}

/** One call of a handler: makes the signal when it is asked for, and tells the error handler at most once. */
class Call implements HandlerContext {
  readonly #res: Response;
  readonly #next: NextFunction;
  readonly #timeoutMs: number | undefined;
  #controller: AbortController | undefined;
  #failed = false;

  constructor(res: Response, next: NextFunction, timeoutMs: number | undefined) {
    this.#res = res;
    this.#next = next;
    this.#timeoutMs = timeoutMs;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= this.#watch()).signal;
  }

  follow(result: PromiseLike<unknown>): void {
    result.then(
      (value) => {
        if (value instanceof Readable) this.follow(sendStream(this.#res, value));
      },
      (error: unknown) => {
        this.fail(error);
      },
    );
  }

  fail(error: unknown): void {
    // After the deadline was answered, what the handler still has to say comes too late.
    if (this.#failed) return;
    this.#failed = true;
    // Nobody is there to be answered, and the error is most likely the abort itself.
    if (this.#res.destroyed && !this.#res.writableFinished && isAbort(error)) return;
    this.#next(error);
  }

  #watch(): AbortController {
    const controller = new AbortController();
    if (this.#res.destroyed) {
      controller.abort(new ClientLeft());
      return controller;
    }
    const locals = this.#res.app.locals as { requestTimeoutMs?: number };
    const timeoutMs = this.#timeoutMs ?? locals.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = setTimeout(() => {
      // An answer that has begun in time may take as long as the client takes to read it.
      if (this.#res.headersSent) return;
      const error = new HttpError('DEADLINE_EXCEEDED', { headers: { 'Retry-After': '1' } });
      this.fail(error);
      controller.abort(error);
    }, timeoutMs);
    this.#res.once('close', () => {
      clearTimeout(timer);
      if (!this.#res.writableFinished) controller.abort(new ClientLeft());
    });
    return controller;
  }
}

/** The reason of the signal when the client has left. */
export class ClientLeft extends Error {
  override readonly name = 'AbortError';

  constructor() {
    super('the client closed the connection before it was answered');
  }
}

/** Not `instanceof Promise`: other libraries bring their own. */
function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function';
}

function isAbort(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === 'AbortError' || (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
  );
}
