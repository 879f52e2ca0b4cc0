import compression from 'compression';
import type { RequestHandler } from 'express';

/**
 * Compresses answers of a compressible type and 1 KiB or more with br or gzip, as the client likes. Answers that are
 * encoded already (from the cache) pass as they are.
 *
 * In production a proxy does this better, on its own cores: COMPRESSION=off then.
 */
export function compress(): RequestHandler {
  return compression({ threshold: 1024 });
}
