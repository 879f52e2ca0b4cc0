import type { Request, RequestHandler } from 'express';
import type { Metrics } from '../observability/metrics.ts';
import { assertLifetime, NotCacheable, type Cache } from './cache.ts';
import { sendResponse, toCachedResponse, type CachedResponse } from './cached-response.ts';
import { HttpError, normalizeError } from '../http/errors.ts';
import { wrap } from '../http/wrap.ts';

export type { Content } from './cached-response.ts';

/** What a loader sees of a request: exactly what the key is made of. */
export interface LoaderInput {
  /** The path as the client wrote it, without the query. */
  readonly path: string;
  readonly params: Request['params'];
  readonly query: Request['query'];
  /** The request headers that `vary` names, by their names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes a response: JSON, or a `Content`. It runs for all clients that ask for the same, and also when nobody waits.
 * `signal` fires when the load has taken as long as a request may.
 */
export type Loader = (input: LoaderInput & { readonly signal: AbortSignal }) => unknown;

export interface CachedOptions {
  /** Seconds for which a response is fresh, here and in shared caches in front. */
  readonly ttl: number;
  /** Seconds after that for which it may be sent while a new one is loaded, or cannot be loaded. Default 0. */
  readonly stale?: number;
  /** The names by which `cache.purgeTag` drops it. */
  readonly tags?: readonly string[] | ((input: LoaderInput) => readonly string[]);
  /** Request headers that the loader reads. Each combination of their values is stored. */
  readonly vary?: readonly string[];
  /** Seconds for which a browser may use it without asking. No purge reaches a browser. Default 0. */
  readonly maxAge?: number;
}

export interface ResponseCacheParts {
  readonly cache: Cache;
  /** Names of the cookies that mean a session. */
  readonly sessionCookies: readonly string[];
  /** Whether to keep compressed variants; off where a proxy compresses. */
  readonly compression: boolean;
  /** How long a load may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly metrics?: Pick<Metrics, 'cacheLookups'> | undefined;
}

export type Cached = (options: CachedOptions, loader: Loader) => RequestHandler;

/** The largest body that is stored. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Caches responses to GET: `cached({ ttl: 60, tags: ['companies'] }, ({ query }) => list(query))`. See
 * docs/use-the-cache.md.
 *
 * The loader sees no cookie, no session and no address, so no response can hold anything of one client. Errors are not
 * stored; one below 500 also drops what is stored, because that is no longer true. A client's own
 * `Cache-Control: no-cache` loads nothing anew, or any client could disable the cache.
 */
export function responseCache({ cache, compression, timeoutMs, ...parts }: ResponseCacheParts): Cached {
  const isPersonal = personalRequests(parts.sessionCookies);

  return (options, loader) => {
    assertLifetime(options);
    const vary = (options.vary ?? []).map((name) => name.toLowerCase()).sort();
    const cacheControl = cacheControlOf(options);
    const { ttl, stale = 0, tags = [] } = options;

    const serve = wrap(async (req, res) => {
      const input = inputOf(req, vary);
      const lifetime = { ttl, stale, tags: typeof tags === 'function' ? tags(input) : tags };
      const load = () => loadResponse(loader, input, { compression, timeoutMs });
      const { value, state, storedAt } = await cache.fetch(keyOf(input), lifetime, load).catch(notStored);
      parts.metrics?.cacheLookups.inc({ state: state.toLowerCase() });
      if (res.destroyed) return;
      // Set already where the route is behind a session.
      if (!res.hasHeader('Cache-Control'))
        res.setHeader('Cache-Control', isPersonal(req) ? 'private, no-cache' : cacheControl);
      for (const name of options.vary ?? []) res.vary(name);
      res.setHeader('X-Cache', state);
      if (state !== 'MISS') res.setHeader('Age', ageOf(storedAt));
      sendResponse(req, res, value);
    });
    const handler: RequestHandler = (req, res, next) => {
      if (req.method === 'GET' || req.method === 'HEAD') serve(req, res, next);
      else next();
    };
    return Object.assign(handler, { isCompressed: true });
  };
}

function inputOf(req: Request, vary: readonly string[]): LoaderInput {
  const mark = req.originalUrl.indexOf('?');
  return {
    path: mark === -1 ? req.originalUrl : req.originalUrl.slice(0, mark),
    params: req.params,
    query: req.query,
    headers: Object.fromEntries(vary.map((name) => [name, req.get(name)])),
  };
}

/** Parameters of different names count as the same in any order. */
function keyOf({ path, query, headers }: LoaderInput): string {
  const parameters = Object.keys(query).sort();
  const values = Object.values(headers);
  if (parameters.length === 0 && values.length === 0) return path;
  // The path comes first: the log has a key up to its question mark.
  return `${path}?${JSON.stringify([parameters.map((name) => [name, query[name]]), values])}`;
}

/** The loaded response goes to those who wait for it, and is not stored. */
class NotStored extends NotCacheable {
  readonly response: CachedResponse | undefined;

  constructor({ response, cause }: { response?: CachedResponse; cause?: unknown }) {
    super('not stored', { cause });
    this.response = response;
  }
}

async function loadResponse(
  loader: Loader,
  input: LoaderInput,
  { compression, timeoutMs }: Pick<ResponseCacheParts, 'compression' | 'timeoutMs'>,
): Promise<CachedResponse> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await toCachedResponse(await loader({ ...input, signal }), compression);
    if (response.body.length > MAX_BODY_BYTES) throw new NotStored({ response });
    return response;
  } catch (cause) {
    if (cause instanceof NotStored) throw cause;
    if (signal.aborted) throw new HttpError('DEADLINE_EXCEEDED', { headers: { 'Retry-After': '1' }, cause });
    throw normalizeError(cause).status < 500 ? new NotStored({ cause }) : cause;
  }
}

/** @throws what the loader threw. */
function notStored(error: unknown) {
  if (!(error instanceof NotStored)) throw error;
  if (!error.response) throw error.cause;
  return { value: error.response, state: 'MISS' as const, storedAt: Date.now() };
}

/**
 * `s-maxage` is for shared caches in front, which subtract the Age they are sent. `must-revalidate` keeps browsers from showing
 * a stale response, as Chrome does by `stale-while-revalidate`; the proxies of deploy/ do not follow it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2 and RFC 5861
 */
function cacheControlOf({ ttl, stale = 0, maxAge = 0 }: CachedOptions): string {
  const directives = ['public', `max-age=${maxAge}`, 'must-revalidate', `s-maxage=${Math.floor(ttl)}`];
  const seconds = Math.floor(stale);
  if (seconds > 0) directives.push(`stale-while-revalidate=${seconds}`, `stale-if-error=${seconds}`);
  return directives.join(', ');
}

/** Clocks of other machines may be ahead: an age is never negative. */
function ageOf(storedAt: number): number {
  return Math.max(0, Math.floor((Date.now() - storedAt) / 1000));
}

/** No shared cache in front may store what a logged-in client was sent: it could serve it to guests where it is guarded. */
function personalRequests(sessionCookies: readonly string[]): (req: Request) => boolean {
  const names = sessionCookies.map((name) => name.replace(/[^\w-]/g, '\\$&'));
  const session = new RegExp(`(?:^|[;,\\s])(?:${names.join('|')})\\s*=`);
  return ({ headers: { authorization, cookie } }) =>
    authorization !== undefined || (cookie !== undefined && names.length > 0 && session.test(cookie));
}
