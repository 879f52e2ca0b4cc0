import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/**
 * Compresses responses of a compressible type and 1 KiB or more with br or gzip, as the client prefers. A response that
 * has a Content-Encoding (from the cache) stays as it is.
 *
 * In production a proxy does this better, on its own cores: COMPRESSION=off then.
 */
export function compress(): RequestHandler {
  return compression({ threshold: 1024, filter });
}

/** Leaves 304s and parts alone, but adds their Vary: the whole response may be compressed for another client. */
function filter(req: Request, res: Response): boolean {
  // Express and send remove the type of a 304, so any of them may stand for a response that is compressed.
  const hasNoType = res.statusCode === 304 && !res.hasHeader('Content-Type');
  if (!hasNoType && !compression.filter(req, res)) return false;
  if (!hasNoType && !res.hasHeader('Content-Range')) return true;
  res.vary('Accept-Encoding');
  return false;
}
