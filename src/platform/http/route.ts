import type { RequestHandler, Router } from 'express';
import { HttpError } from './errors.ts';
import { inOrder } from './middleware/in-order.ts';

type Handlers = RequestHandler | readonly RequestHandler[];

/** The handlers of one path, by method. */
export type Methods = Partial<Record<'get' | 'post' | 'put' | 'patch' | 'delete', Handlers>>;

declare module 'http' {
  interface IncomingMessage {
    /** The pattern of the route that took the request, for example `/api/companies/:id`. */
    routePattern?: string;
  }
}

/**
 * Adds a path with all its methods to a router. The response to other methods is 405 with an Allow header, and to OPTIONS
 * the Allow header alone; Express itself would send 404. Whatever a handler throws is an error, `undefined` included.
 *
 * @example
 * route(router, '/companies/:id', { get: wrap(one), patch: [session, requireUser, csrf, json, wrap(update)] });
 */
export function route(router: Router, path: string, methods: Methods): void {
  const target = router.route(path);
  // For the metrics: once an error has left the router, Express does not have the path it is mounted at any more.
  target.all((req, _res, next) => {
    // Lower case, because the client wrote it: /API/session would be a time series of its own.
    req.routePattern = req.baseUrl.toLowerCase() + path;
    next();
  });
  for (const [method, handlers] of Object.entries(methods) as [keyof Methods, Handlers][]) {
    target[method](inOrder(...[handlers].flat()));
  }
  target.all(otherMethods(Object.keys(methods)));
}

/** Responds to OPTIONS with the methods that a resource has, and to any other method with 405. */
export function otherMethods(methods: readonly string[]): RequestHandler {
  const names = [...methods.map((method) => method.toUpperCase()), 'OPTIONS'];
  if (methods.includes('get')) names.push('HEAD');
  const headers = { Allow: names.sort().join(', ') };
  return (req, res) => {
    if (req.method !== 'OPTIONS') throw new HttpError('METHOD_NOT_ALLOWED', { headers });
    res.set(headers).status(204).end();
  };
}
