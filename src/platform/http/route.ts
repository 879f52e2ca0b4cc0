import type { Express, IRouter, RequestHandler } from 'express';
import type { Endpoint } from './endpoint.ts';
import { HttpError } from './errors.ts';
import type { Guard } from './guard.ts';
import { compressed } from './middleware/compress.ts';
import { inOrder } from './middleware/in-order.ts';

type Handlers = RequestHandler | readonly RequestHandler[] | Endpoint;

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
export function route(router: IRouter, path: string, methods: Methods): void {
  note(router, { path, methods });
  const target = router.route(path);
  // For the metrics: once an error has left the router, Express does not have the path it is mounted at any more.
  let baseUrl = '';
  let pattern = path;
  const notePattern: RequestHandler = (req, _res, next) => {
    // Lower case, because the client wrote it: /API/session would be a time series of its own.
    if (req.baseUrl !== baseUrl) pattern = req.baseUrl.toLowerCase() + path;
    baseUrl = req.baseUrl;
    req.routePattern = pattern;
    next();
  };
  for (const [method, given] of Object.entries(methods) as [keyof Methods, Handlers][]) {
    const handlers = 'operation' in given ? given.handlers : [given].flat();
    const compression = handlers.some((handler: Guard) => handler.isCompressed) ? [] : [compressed];
    target[method](inOrder(notePattern, ...compression, ...handlers));
  }
  target.all(inOrder(notePattern, compressed, otherMethods(Object.keys(methods))));
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

/** What was added to a router: a path with its methods, or another router. */
type Added = { readonly path: string } & ({ readonly methods: Methods } | { readonly router: object });

/** By router. Express has no way to ask where a router is mounted. */
const added = new WeakMap<object, Added[]>();

function note(router: object, one: Added): void {
  const list = added.get(router) ?? [];
  list.push(one);
  added.set(router, list);
}

/** The app, for features to be mounted at: its `use` notes the path of each router, for `routesOf`. */
export function recordMounts(app: Express): IRouter {
  const use = (...args: Parameters<typeof app.use>) => {
    const [first, ...rest]: unknown[] = args;
    const handlers = typeof first === 'string' ? rest : args;
    for (const router of handlers.flat() as object[])
      note(app, { path: typeof first === 'string' ? first : '/', router });
    app.use(...args);
    return recording;
  };
  const recording = Object.create(app, { use: { value: use } }) as IRouter;
  added.set(app, []);
  added.set(recording, added.get(app) ?? []);
  return recording;
}

/** A method of a path, as `route` added it. */
export interface Route {
  /** From the root, in Express's notation. */
  readonly path: string;
  readonly method: keyof Methods;
  /** undefined: made with `wrap`. */
  readonly endpoint: Endpoint | undefined;
}

/** All routes of the routers that were mounted through `recordMounts`. */
export function routesOf(router: object, at = ''): Route[] {
  return (added.get(router) ?? []).flatMap((one) => {
    const path = one.path === '/' ? at : at + one.path;
    if ('router' in one) return routesOf(one.router, path);
    return (Object.entries(one.methods) as [keyof Methods, Handlers][]).map(([method, handlers]) => ({
      path: path || '/',
      method,
      endpoint: 'operation' in handlers ? handlers : undefined,
    }));
  });
}
