import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { thrownError } from '../errors.ts';
import { isPromiseLike } from '../wrap.ts';

/** As in Express: after this number of handlers that called `next` at once, the next one gets a fresh stack. */
const MAX_SYNC_CALLS = 100;

/**
 * Several middlewares as one, for those that every request passes. Express checks each layer anew (does its path match,
 * are there parameters, is it traced?): a tenth of a request's cost for five of them.
 *
 * The contract is that of `app.use(...handlers)`, or of `app.get(path, ...handlers)` in a route, with `next('router')`
 * and `next('route')`. In one thing it is stricter: whatever is thrown is an error, `undefined` included.
 *
 * @throws {TypeError} without handlers, or when one is not a function of (req, res, next).
 */
export function inOrder(...handlers: readonly RequestHandler[]): RequestHandler {
  if (handlers.length === 0 || !handlers.every(isHandler)) {
    throw new TypeError('inOrder takes one or more functions of (req, res, next)');
  }
  return (req, res, next) => {
    const outer = req.next;
    // A route passes its handlers a `next` of its own.
    const inRoute = req.route !== undefined && next !== outer;
    let index = 0;
    let syncCalls = 0;
    const proceed = (signal?: unknown): void => {
      const leaves = signal && (signal !== 'route' || inRoute);
      const handler = leaves ? undefined : handlers[index];
      if (!handler) {
        index = handlers.length;
        req.next = outer;
        next(signal);
      } else if (++syncCalls > MAX_SYNC_CALLS) {
        setImmediate(proceed);
      } else {
        index++;
        // res.sendFile and res.render call it.
        if (!inRoute) req.next = proceed;
        call(handler, req, res, proceed);
      }
      syncCalls = 0;
    };
    proceed();
  };
}

/** TypeScript refuses error handlers, JavaScript does not; one would be called with the wrong arguments. */
function isHandler(handler: unknown): boolean {
  return typeof handler === 'function' && handler.length <= 3;
}

/** Calls a handler; what it throws, or its promise rejects with, goes to `next` as an error. */
function call(handler: RequestHandler, req: Request, res: Response, next: NextFunction): void {
  const fail = (thrown: unknown) => {
    next(thrownError(thrown));
  };
  try {
    const result: unknown = handler(req, res, next);
    if (isPromiseLike(result)) result.then(undefined, fail);
  } catch (thrown) {
    fail(thrown);
  }
}
