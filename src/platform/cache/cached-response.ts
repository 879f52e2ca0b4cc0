import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import compressible from 'compressible';
import type { Request, Response } from 'express';
import Negotiator from 'negotiator';

/** A response that is not JSON, or JSON with headers of its own. */
export interface Content {
  /** Anything but a string or bytes is sent as JSON. */
  readonly body: unknown;
  /** The media type, for example `text/csv; charset=utf-8`. */
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A response as it is stored and sent to many clients. */
export interface CachedResponse {
  readonly type: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Whether a client gets a compressed body if it accepts one. */
  readonly isCompressible: boolean;
  readonly br?: Buffer;
  readonly gzip?: Buffer;
}

/** Headers that would give one client's state to others, or that depend on how the response is sent. */
const REFUSED_HEADERS = new Set([
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'set-cookie',
  'transfer-encoding',
  'vary',
]);

/** Below it, compressing costs more than the bytes it saves; the compression middleware has the same threshold. */
const MIN_COMPRESSED_BYTES = 1024;

/** Twice as fast as 6 and a few percent larger; 11, zlib's default, takes 50 times as long. */
const BROTLI_QUALITY = 5;

const toBrotli = promisify(brotliCompress);
const toGzip = promisify(gzip);

/**
 * Makes a response of what a loader returned: with an ETag, and compressed once where that saves bytes.
 *
 * @throws {TypeError} when the value cannot be sent to all clients: undefined, not JSON, or with a refused header.
 */
export async function toCachedResponse(value: unknown, compression: boolean): Promise<CachedResponse> {
  const content = isContent(value) ? value : undefined;
  const { type, headers = {} } = content ?? { type: 'application/json; charset=utf-8' };
  const body = content ? toBytes(content.body) : toJson(value);
  const refused = Object.keys(headers).find((name) => REFUSED_HEADERS.has(name.toLowerCase()));
  if (refused !== undefined) throw new TypeError(`a cached response cannot set the header ${refused}`);
  const isCompressible = compression && compressible(type) === true;
  const hasTag = Object.keys(headers).some((name) => name.toLowerCase() === 'etag');
  return {
    type,
    headers: Object.entries(hasTag ? headers : { ...headers, ETag: weakTag(body) }),
    body,
    isCompressible,
    ...(isCompressible && body.length >= MIN_COMPRESSED_BYTES && (await variantsOf(body))),
  };
}

/** These fields alone, and a type with a slash: data that happens to have a body and a type is JSON. */
function isContent(value: unknown): value is Content {
  if (typeof value !== 'object' || value === null || !('body' in value) || !('type' in value)) return false;
  const isKnown = Object.keys(value).every((key) => ['body', 'type', 'headers'].includes(key));
  return isKnown && typeof value.type === 'string' && /^[\w.+-]+\/[\w.+-]+/.test(value.type);
}

function toBytes(content: unknown): Buffer {
  if (typeof content === 'string') return Buffer.from(content);
  if (ArrayBuffer.isView(content)) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return toJson(content);
}

function toJson(value: unknown): Buffer {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a cached loader returned ${typeof value}, which is not JSON`);
  return Buffer.from(text);
}

/** Variants that are smaller than the body. */
async function variantsOf(body: Buffer): Promise<Pick<CachedResponse, 'br' | 'gzip'>> {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
  };
  const [br, gzipped] = await Promise.all([toBrotli(body, { params }), toGzip(body)]);
  return {
    ...(br.length < body.length && { br }),
    ...(gzipped.length < body.length && { gzip: gzipped }),
  };
}

/** Weak, because one tag stands for all encodings of the body. */
function weakTag(body: Buffer): string {
  return `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
}

/** Sends it: 304 to a client that has it, else in the encoding that the client prefers. */
export function sendResponse(req: Request, res: Response, cached: CachedResponse): void {
  for (const [name, value] of cached.headers) res.setHeader(name, value);
  if (cached.isCompressible) res.vary('Accept-Encoding');
  if (req.fresh) {
    res.status(304).end();
    return;
  }
  const { body, encoding } = variantFor(req, cached);
  if (encoding !== undefined) res.setHeader('Content-Encoding', encoding);
  res.setHeader('Content-Type', cached.type);
  res.setHeader('Content-Length', body.length);
  // Node sends no body with HEAD.
  res.end(body);
}

/** Its types lack the second argument: which of equally preferred encodings to use. */
type PreferringNegotiator = Negotiator & {
  encoding(available: readonly string[], options: { preferred: readonly string[] }): string | undefined;
};

/** A client that accepts none of them gets the body as it is. */
function variantFor(req: Request, cached: CachedResponse): { body: Buffer; encoding?: 'br' | 'gzip' } {
  const { body } = cached;
  if (cached.br === undefined && cached.gzip === undefined) return { body };
  const available = (['br', 'gzip'] as const).filter((encoding) => cached[encoding] !== undefined);
  const choice = (new Negotiator(req) as PreferringNegotiator).encoding([...available, 'identity'], {
    preferred: available,
  });
  const encoding = available.find((name) => name === choice);
  return encoding === undefined ? { body } : { body: cached[encoding] ?? body, encoding };
}
