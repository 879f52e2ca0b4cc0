import type { Readable } from 'node:stream';
import type { Response as ExpressResponse } from 'express';

/** Headers of the connection that a response came over; ours has its own. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** `fetch` has decompressed the body that these describe. */
const TRANSFER_HEADERS = new Set(['content-encoding', 'content-length']);

/** Not `instanceof Promise`: other libraries bring their own. */
export function isPromiseLike(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function';
}

/**
 * Sends what a handler returned, where it is something to send: a stream (Node's, the web's, an async generator), a
 * web `Response` or a `Blob`. Anything else is ignored: many handlers return what `res.json` returned.
 *
 * @returns a promise that settles when it is sent; undefined when there is nothing to send.
 */
export function sendResult(res: ExpressResponse, result: unknown): Promise<void> | undefined {
  // `req.on` and `req.resume` return the request, in a handler of one expression: nobody means to send that back.
  if (typeof result !== 'object' || result === null || result === res.req) return undefined;
  if (isStream(result)) return sendStream(res, result);
  if (isResponse(result)) return sendResponse(res, result);
  if (result instanceof Blob) return sendResponse(res, new Response(result));
  return undefined;
}

type Stream = Readable | ReadableStream<unknown> | AsyncGenerator;

/** Streams of other packages are not of Node's classes, and not every async iterable is meant to be sent. */
function isStream(result: object): result is Stream {
  const { getReader, read, next } = result as Record<string, unknown>;
  if (typeof getReader === 'function') return true;
  return Symbol.asyncIterator in result && (typeof read === 'function' || typeof next === 'function');
}

/**
 * Sends a stream as the response's body. When the client leaves, the stream is destroyed.
 *
 * @throws whatever the stream fails with: before the first chunk for an error response, else to have the connection cut.
 */
async function sendStream(res: ExpressResponse, stream: Stream): Promise<void> {
  const { chunks, cancel } = open(stream);
  let resume: () => void = () => undefined;
  const stop = () => {
    cancel();
    resume();
  };
  // One listener for all chunks: the compression package keeps each that is added.
  res.once('close', stop).on('drain', () => {
    resume();
  });
  try {
    for await (const chunk of res.destroyed ? [] : chunks) {
      if (res.destroyed || res.writableEnded || res.req.method === 'HEAD') break;
      if (!res.write(chunk)) await new Promise<void>((resolve) => (resume = resolve));
    }
    if (!res.destroyed) res.end();
  } finally {
    res.off('close', stop);
    cancel();
  }
}

/** The chunks of a stream, and what frees it, also while a chunk is being waited for. */
function open(stream: Stream): { chunks: AsyncIterable<unknown>; cancel: () => void } {
  if ('getReader' in stream) {
    const reader = stream.getReader();
    return { chunks: read(reader), cancel: () => void reader.cancel().catch(() => undefined) };
  }
  if ('return' in stream) {
    return { chunks: stream, cancel: () => void stream.return(undefined).catch(() => undefined) };
  }
  // It may still fail while it is being destroyed, when nothing waits for it any more.
  if ('on' in stream) stream.on('error', () => undefined);
  return { chunks: stream, cancel: () => (stream as Partial<Readable>).destroy?.() };
}

/** A stream of another package need not be async iterable. */
async function* read(reader: ReadableStreamDefaultReader<unknown>): AsyncGenerator {
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

/** Not `instanceof Response`: undici and others bring their own. */
function isResponse(result: object): result is Response {
  const { status, headers, arrayBuffer } = result as Partial<Response>;
  return (
    typeof status === 'number' && typeof headers?.forEach === 'function' && typeof arrayBuffer === 'function'
  );
}

async function sendResponse(res: ExpressResponse, response: Response): Promise<void> {
  if (response.bodyUsed) throw new TypeError('the Response that the handler returned has been read already');
  res.status(response.status);
  response.headers.forEach((value, name) => {
    // It has a URL if it came from fetch.
    if (HOP_BY_HOP.has(name) || (response.url && TRANSFER_HEADERS.has(name))) return;
    if (name === 'set-cookie' || name === 'vary') res.append(name, value);
    else res.setHeader(name, value);
  });
  if (response.body) await sendStream(res, response.body as Stream);
  else res.end();
}
