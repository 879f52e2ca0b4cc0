import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { OutgoingHttpHeader } from 'node:http';
import type { Captured } from './shadow.ts';

/** An answer as it is stored and sent to many. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: OutgoingHttpHeader])[];
  /** The request headers it depends on. */
  readonly vary: string | undefined;
  readonly body: Buffer;
  readonly br?: Buffer;
  readonly gzip?: Buffer;
}

/** They belong to one connection or one sending. `Accept-Ranges`: ranges are answered in full here. */
const NOT_STORED = new Set([
  'accept-ranges',
  'age',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
  'vary',
  'x-cache',
]);

/** As much as compresses usefully; the compression middleware's own threshold. */
const MIN_COMPRESSED_BYTES = 1024;

/** Twice as fast as 6 and a few percent larger; 11, zlib's default, takes 50 times as long. */
const BROTLI_QUALITY = 5;

const COMPRESSIBLE =
  /^(?:text\/|application\/(?:json|javascript|xml|wasm|manifest\+json|x-ndjson)|image\/svg\+xml|[^;]+\+(?:json|xml|text))/i;

const toBrotli = promisify(brotliCompress);
const toGzip = promisify(gzip);

/** Whether the answer is for one client, or depends on more of the request than the key holds: nobody else may get it. */
export function isForOneClient({ headers }: Captured, varyInKey: readonly string[]): boolean {
  if (headerOf(headers, 'set-cookie')) return true;
  if (/\b(?:private|no-store|no-cache)\b/i.test(headerOf(headers, 'cache-control') ?? '')) return true;
  return fieldsOf(headerOf(headers, 'vary')).some(
    (field) => field !== 'accept-encoding' && !varyInKey.includes(field),
  );
}

/** An answer as it is, for those who wait for it. */
export function plainAnswer({ status, headers, body }: Captured): Answer {
  return { status, headers: storedHeaders(headers), vary: headerOf(headers, 'vary'), body };
}

export interface AnswerOptions {
  /** The value of Cache-Control where the handler set none. */
  readonly cacheControl: string;
  /** Names of request headers in the key, in lower case. */
  readonly vary: readonly string[];
  /** Whether to keep compressed variants. */
  readonly compression: boolean;
}

/** An answer to be stored: with an ETag, Cache-Control and Vary, and compressed now, once, if that is of use. */
export async function storedAnswer(captured: Captured, options: AnswerOptions): Promise<Answer> {
  const { status, headers, body } = captured;
  const variants = options.compression && isCompressible(captured) ? await compressed(body) : {};
  const vary = new Set([...options.vary, ...fieldsOf(headerOf(headers, 'vary'))]);
  if (variants.br ?? variants.gzip) vary.add('accept-encoding');
  const added: [string, string][] = [];
  if (!headerOf(headers, 'etag')) added.push(['ETag', weakTag(body)]);
  if (!headerOf(headers, 'cache-control')) added.push(['Cache-Control', options.cacheControl]);
  return {
    status,
    headers: [...storedHeaders(headers), ...added],
    vary: vary.size > 0 ? [...vary].map(titleCase).join(', ') : undefined,
    body,
    ...variants,
  };
}

function storedHeaders(headers: Captured['headers']): Captured['headers'] {
  return headers.filter(([name]) => !NOT_STORED.has(name.toLowerCase()));
}

function isCompressible({ headers, body }: Captured): boolean {
  return (
    body.length >= MIN_COMPRESSED_BYTES &&
    COMPRESSIBLE.test(headerOf(headers, 'content-type') ?? '') &&
    !headerOf(headers, 'content-encoding') &&
    !/\bno-transform\b/i.test(headerOf(headers, 'cache-control') ?? '')
  );
}

/** Variants that are smaller than the body. */
async function compressed(body: Buffer): Promise<Pick<Answer, 'br' | 'gzip'>> {
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

function headerOf(headers: Captured['headers'], wanted: string): string | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  return value === undefined ? undefined : String(value);
}

function fieldsOf(vary: string | undefined): string[] {
  return (vary ?? '')
    .split(',')
    .map((field) => field.trim().toLowerCase())
    .filter(Boolean);
}

/** accept-language → Accept-Language */
function titleCase(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}
