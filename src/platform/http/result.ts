import { Readable } from 'node:stream';
import type { Response as ExpressResponse } from 'express';
import { toError } from '../observability/thrown.ts';
import { sendStream } from './stream.ts';

/** Headers of the connection that a response came over; ours has its own. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What describes a body as it was on its way to `fetch`, which has decompressed it. */
const OF_THE_TRANSFER = new Set(['content-encoding', 'content-length']);

/** Not `instanceof Promise`: other libraries bring their own. */
export function isPromiseLike(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function';
}

/**
 * Sends what a handler returned, where it is something to send: a stream (Node's, the web's, an async generator), a
 * web `Response` or a `Blob`. Everything else is the handler's own affair: many return what `res.json` returned.
 *
 * @returns a promise that settles when it is through; undefined when there is nothing to send.
 */
export function sendResult(res: ExpressResponse, result: unknown): Promise<void> | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  // What `req.on` and `req.resume` return, in a handler of one expression: nobody means to send that back.
  if (result === res.req) return undefined;
  if (isStream(result)) return sendBody(res, result);
  if (isResponse(result)) return sendResponse(res, result);
  if (result instanceof Blob) return sendResponse(res, new Response(result));
  return undefined;
}

type Body = Readable | ReadableStream<Uint8Array> | AsyncIterable<unknown>;

/** Streams of other packages are not of Node's classes, and not every async iterable is meant to be sent. */
function isStream(result: object): result is Body {
  const { getReader, read, next } = result as Record<string, unknown>;
  if (typeof getReader === 'function') return true;
  return Symbol.asyncIterator in result && (typeof read === 'function' || typeof next === 'function');
}

/** Async, so that a stream that can't be read (it is locked) is an error like every other. */
async function sendBody(res: ExpressResponse, body: Body): Promise<void> {
  await sendStream(res, toReadable(body));
}

function toReadable(body: Body): Readable {
  if (body instanceof Readable) return body;
  if ('getReader' in body) return fromWeb(body);
  return Readable.from(body, { objectMode: false });
}

/** Node's own `Readable.fromWeb` is experimental before Node 24, and takes no stream of another package. */
function fromWeb(body: ReadableStream<Uint8Array>): Readable {
  const reader = body.getReader();
  return new Readable({
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: unknown) => this.destroy(toError(error)),
      );
    },
    destroy(error, done) {
      reader.cancel(error).catch(() => undefined);
      done(error);
    },
  });
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
  // It has a URL if it came from fetch.
  response.headers.forEach((value, name) => {
    if (HOP_BY_HOP.has(name) || (response.url && OF_THE_TRANSFER.has(name))) return;
    if (name === 'set-cookie' || name === 'vary') res.append(name, value);
    else res.setHeader(name, value);
  });
  if (response.body) await sendBody(res, response.body as Body);
  else res.end();
}
