import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/**
 * Compresses responses of a compressible type and 1 KiB or more with br or gzip, as the client prefers. A response that
 * has a Content-Encoding (from the cache) stays as it is.
 *
 * In production a proxy does this better, on its own cores: COMPRESSION=off then.
 */
export function compress(): RequestHandler {
  const wrapResponse = compression({ threshold: 1024, filter });
  return (req, res, next) => {
    // The package adds it: this response is compressed already.
    if ('flush' in res) next();
    else wrapResponse(req, res, next);
  };
}

/**
 * Has each route compress its responses: `route` puts `compressed` in front of its handlers. Not in front of `cached`, which
 * sends what is compressed already: what the compression package adds to a response keeps its request in memory over
 * several garbage collections, a third of what a cached list costs.
 */
export function compressRoutes(): RequestHandler {
  const wrapResponse = compress();
  return (_req, res, next) => {
    res.locals.compress = wrapResponse;
    next();
  };
}

/** Compresses the responses of what follows, where `compressRoutes` is mounted. For handlers that are added without `route`. */
export const compressed: RequestHandler = (req, res, next) => {
  const { compress: wrapResponse } = res.locals as { compress?: RequestHandler };
  if (wrapResponse) void wrapResponse(req, res, next);
  else next();
};

/** Leaves 304s and parts alone, but adds their Vary: the whole response may be compressed for another client. */
function filter(req: Request, res: Response): boolean {
  // Express and send remove the type of a 304, so any of them may stand for a response that is compressed.
  const hasNoType = res.statusCode === 304 && !res.hasHeader('Content-Type');
  if (!hasNoType && !compression.filter(req, res)) return false;
  if (!hasNoType && !res.hasHeader('Content-Range')) return true;
  res.vary('Accept-Encoding');
  return false;
}
