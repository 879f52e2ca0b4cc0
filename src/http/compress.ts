import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/** Below it, compressing costs more than the bytes it saves. */
const THRESHOLD_BYTES = 1024;

/**
 * Compresses answers of a compressible type and 1 KiB or more with br or gzip, as the client likes. Answers that are
 * encoded already (from the cache) pass as they are.
 *
 * In production a proxy does this better, on its own cores: COMPRESSION=off then.
 */
export function compress(): RequestHandler {
  const compressAnswer = compression({
    threshold: THRESHOLD_BYTES,
    // A part is of the bytes as they are, and says which.
    filter: (req, res) => !res.hasHeader('Content-Range') && compression.filter(req, res),
  });
  return (req, res, next) => {
    onceItMatters(req, res, () => {
      compressAnswer(req, res, () => undefined);
    });
    next();
  };
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
    if (!matters) return;
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
