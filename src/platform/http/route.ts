import type { RequestHandler, Router } from 'express';
import { HttpError, thrownError } from './errors.ts';
import { isPromiseLike } from './result.ts';

type Handlers = RequestHandler | readonly RequestHandler[];

/** The handlers of one path, by method. */
export type Methods = Partial<Record<'get' | 'post' | 'put' | 'patch' | 'delete', Handlers>>;

/**
 * Adds a path with all its methods to a router. Other methods are answered with 405 and an Allow header, OPTIONS with
 * the Allow header alone; Express itself would say 404.
 *
 * @example
 * route(router, '/companies/:id', { get: wrap(one), patch: [session, requireUser, csrf, json, wrap(update)] });
 */
export function route(router: Router, path: string, methods: Methods): void {
  const target = router.route(path);
  // For the metrics: once an error has left the router, Express no longer knows where it was mounted.
  target.all((req, _res, next) => {
    // Lower case, because the client wrote it: /API/session would be a time series of its own.
    req.routePattern = req.baseUrl.toLowerCase() + path;
    next();
  });
  for (const [method, handlers] of Object.entries(methods) as [keyof Methods, Handlers][]) {
    target[method](...[handlers].flat().map(strict));
  }
  const names = Object.keys(methods).map((method) => method.toUpperCase());
  if (methods.get) names.push('HEAD');
  const allow = [...names, 'OPTIONS'].sort().join(', ');
  target.all((req, res) => {
    if (req.method !== 'OPTIONS') throw new HttpError('METHOD_NOT_ALLOWED', { headers: { Allow: allow } });
    res.set('Allow', allow).status(204).end();
  });
}

/**
 * Express takes a falsy value that a handler throws for `next()`, and `'route'` and `'router'`, thrown or rejected with,
 * for a word to leave: each would let a request past its guard.
 */
function strict(handler: RequestHandler): RequestHandler {
  const fail = (thrown: unknown) => {
    throw thrownError(thrown);
  };
  return (req, res, next) => {
    try {
      const result: unknown = handler(req, res, next);
      // What Express awaits is of its own kind, a promise.
      return isPromiseLike(result) ? Promise.resolve(result).catch(fail) : undefined;
    } catch (thrown) {
      fail(thrown);
    }
  };
}
