import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/** Below it, compressing costs more than the bytes it saves. */
const THRESHOLD_BYTES = 1024;

/**
 * Compresses responses of a compressible type and 1 KiB or more with br or gzip, as the client likes. Responses that
 * are encoded already (from the cache) pass as they are. All of a compressible type have `Vary: Accept-Encoding`, also
 * the small ones, parts and 304s: they stand for a representation that another client may get encoded.
 *
 * In production a proxy does this better, on its own cores: COMPRESSION=off then.
 */
export function compress(): RequestHandler {
  const compressResponse = compression({ threshold: THRESHOLD_BYTES, filter: mayCompress });
  return (req, res, next) => {
    onceItMatters(req, res, () => {
      compressResponse(req, res, () => undefined);
    });
    next();
  };
}

/** Whether a response whose headers are about to be sent may be compressed; says in them that it depends on the client. */
function mayCompress(req: Request, res: Response): boolean {
  if (!isNegotiated(req, res)) return false;
  if (res.hasHeader('Vary')) res.vary('Accept-Encoding');
  else res.setHeader('Vary', 'Accept-Encoding');
  // A part is of the bytes as they are, and says which.
  return res.statusCode !== 304 && !res.hasHeader('Content-Range');
}

function isNegotiated(req: Request, res: Response): boolean {
  const { wasNegotiated } = res.locals as { wasNegotiated?: boolean };
  // A 304 has no type any more. One that never had a type may be of anything.
  if (res.statusCode === 304 && !res.hasHeader('Content-Type')) return wasNegotiated ?? true;
  const cacheControl = String(res.getHeader('Cache-Control') ?? '');
  return compression.filter(req, res) && !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(cacheControl);
}

type Method = (...args: unknown[]) => unknown;
type Methods = Record<'end' | 'write' | 'writeHead' | 'on', Method>;

/**
 * Lets a middleware that wraps the response do so only when an answer begins that it may be needed for. Most answers
 * are small and come in one piece; for these, what the compression package prepares is an eighth of a request's cost.
 *
 * Others may have wrapped the response since (sessions do): it gets to see, and wraps, what was there before them.
 */
function onceItMatters(req: Request, res: Response, wrap: () => void): void {
  let inner = methodsOf(res);
  let isDecided = false;
  const decide = (matters: boolean) => {
    if (isDecided) return;
    isDecided = true;
    if (!matters) {
      if (!res.headersSent) mayCompress(req, res);
      return;
    }
    const outer = methodsOf(res);
    Object.assign(res, inner);
    wrap();
    inner = methodsOf(res);
    Object.assign(res, outer);
  };
  Object.assign(res, {
    end: (...args: unknown[]) => {
      decide(req.method === 'HEAD' || !(isSmall(args[0]) || res.hasHeader('Content-Encoding')));
      return Reflect.apply(inner.end, res, args);
    },
    write: (...args: unknown[]) => {
      decide(true);
      return Reflect.apply(inner.write, res, args);
    },
    writeHead: (...args: unknown[]) => {
      decide(true);
      return Reflect.apply(inner.writeHead, res, args);
    },
    on: (...args: unknown[]) => {
      // Whoever waits for room to write must wait for the compressor's.
      if (args[0] === 'drain') decide(true);
      return Reflect.apply(inner.on, res, args);
    },
  } satisfies Methods);
  rememberType(req, res);
}

/** Code that makes a 304 removes the type, which is needed to know whether the 200 was negotiated. */
function rememberType(req: Request, res: Response): void {
  const removeHeader = res.removeHeader.bind(res);
  res.removeHeader = (name) => {
    if (name.toLowerCase() === 'content-type' && res.hasHeader(name)) {
      (res.locals as { wasNegotiated?: boolean }).wasNegotiated = isNegotiated(req, res);
    }
    removeHeader(name);
  };
}

function methodsOf(res: Response): Methods {
  const { end, write, writeHead, on } = res as unknown as Methods;
  return { end, write, writeHead, on };
}

/** Whether this, all that `res.end` was given, is below the threshold. */
function isSmall(chunk: unknown): boolean {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk) < THRESHOLD_BYTES;
  return !ArrayBuffer.isView(chunk) || chunk.byteLength < THRESHOLD_BYTES;
}
