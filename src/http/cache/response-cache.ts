import type { Request, RequestHandler, Response } from 'express';
import { LRUCache } from 'lru-cache';
import type { Metrics } from '../../runtime/metrics.ts';
import { NotCacheable, type Cache, type CacheOptions } from '../../stores/cache/cache.ts';
import { assertLifetime } from '../../stores/cache/options.ts';
import { encodingPreference } from './accept-encoding.ts';
import { isForOneClient, plainAnswer, storedAnswer, type Answer, type AnswerOptions } from './answer.ts';
import { responseKey } from './cache-key.ts';
import { normalizeError } from '../normalize-error.ts';
import { sendAnswer } from './send-answer.ts';
import { NotCaptured, runOnShadow } from './shadow.ts';

export interface CachedOptions {
  /** Seconds for which an answer is fresh, here and in shared caches in front. */
  readonly ttl: number;
  /** Seconds after that for which it may be sent while a new one is made, or can't be made. Default 0. */
  readonly stale?: number;
  /** What `cache.purgeTag` may call it by. */
  readonly tags?: readonly string[] | ((req: Request) => readonly string[]);
  /** Request headers the handler reads. It sees no others, and each combination of their values is stored. */
  readonly vary?: readonly string[];
  /** Seconds for which a browser may use it without asking. No purge reaches it there. Default 0. */
  readonly maxAge?: number;
}

export interface ResponseCacheParts {
  readonly cache: Cache;
  /** Names of the cookies that mean a session. */
  readonly sessionCookies: readonly string[];
  /** Whether to keep compressed variants; off where a proxy compresses. */
  readonly compression: boolean;
  readonly metrics?: Pick<Metrics, 'cacheLookups'> | undefined;
}

export type Cached = (options: CachedOptions, handler: RequestHandler) => RequestHandler;

/** The largest body that is cached. */
const MAX_BODY_BYTES = 1024 * 1024;

/** How long, in milliseconds, a key whose answers can't be shared goes past the cache: nobody queues for it then. */
const PASS_MS = 10_000;
const MAX_PASSES = 1000;

/**
 * Caches the answers of GET handlers: `cached({ ttl: 60, tags: ['companies'] }, wrap(list))`. See docs/use-the-cache.md.
 *
 * Only whole answers with status 200, without Set-Cookie and not marked private are stored. A request with a session
 * cookie or Authorization goes past the cache, and its answer is `private, no-store` unless the handler says otherwise.
 * A client's own `Cache-Control: no-cache` makes nothing load anew, or anybody could switch the cache off.
 */
export function responseCache({ cache, sessionCookies, compression, metrics }: ResponseCacheParts): Cached {
  const isPersonal = personalRequests(sessionCookies);
  const preferenceOf = encodingPreference();
  const count = counters(metrics);
  const passes = new LRUCache<string, true>({ max: MAX_PASSES, ttl: PASS_MS });

  return (options, handler) => {
    assertLifetime(options);
    const vary = (options.vary ?? []).map((name) => name.toLowerCase()).sort();
    const answerOptions = { vary, compression, cacheControl: cacheControlOf(options) };

    return async (req, res, next) => {
      if (req.method !== 'GET' && req.method !== 'HEAD') return handler(req, res, next);
      if (isPersonal(req)) {
        count.BYPASS();
        res.set({ 'X-Cache': 'BYPASS', 'Cache-Control': 'private, no-store' });
        return handler(req, res, next);
      }
      const key = responseKey(req, vary);
      const preference = preferenceOf(req.headers['accept-encoding']);
      try {
        if (passes.has(key)) throw new Unshared('known to be so');
        const load = () => answerOf(handler, req, res, answerOptions);
        const found = await cache.fetch(key, lifetimeOf(options, req), load);
        count[found.state]();
        if (!res.destroyed) sendAnswer(req, res, found.value, { ...found, preference });
      } catch (error) {
        count.MISS();
        const answer = answerIn(error);
        if (res.destroyed) return;
        if (answer) {
          sendAnswer(req, res, answer, { state: 'MISS', storedAt: Date.now(), preference });
          return;
        }
        passes.set(key, true);
        res.setHeader('X-Cache', 'MISS');
        return handler(req, res, next);
      }
    };
  };
}

/** The answer is for one client, or can't be captured: each client's request goes to the handler itself. */
class Unshared extends NotCacheable {}

/** An answer other than 200, or an error below 500 as its cause: those who wait for it get it, and it is forgotten. */
class NotKept extends NotCacheable {
  readonly answer: Answer | undefined;

  constructor(message: string, { answer, cause }: { answer?: Answer; cause?: unknown }) {
    super(message, { cause });
    this.answer = answer;
  }
}

/** An answer that says that the server failed: a stale one is better. */
class FailedAnswer extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`the handler answered ${answer.status}`);
    this.answer = answer;
  }
}

/**
 * What to send to whom a load failed; undefined: the handler is to answer each on its own.
 *
 * @throws the error, if it is one.
 */
function answerIn(error: unknown): Answer | undefined {
  if (error instanceof Unshared) return undefined;
  if (error instanceof FailedAnswer) return error.answer;
  if (!(error instanceof NotKept)) throw error;
  if (error.answer) return error.answer;
  throw error.cause;
}

async function answerOf(
  handler: RequestHandler,
  req: Request,
  res: Response,
  options: AnswerOptions,
): Promise<Answer> {
  const { vary } = options;
  const captured = await runOnShadow(handler, req, res, { vary, maxBytes: MAX_BODY_BYTES }).catch(
    (cause: unknown) => {
      if (cause instanceof NotCaptured) throw new Unshared(cause.message);
      if (normalizeError(cause).status < 500) throw new NotKept('an error of the client', { cause });
      throw cause;
    },
  );
  if (isForOneClient(captured, vary)) throw new Unshared('for one client');
  if (captured.status >= 500) throw new FailedAnswer(plainAnswer(captured));
  if (captured.status !== 200) throw new NotKept('not 200', { answer: plainAnswer(captured) });
  return storedAnswer(captured, options);
}

function lifetimeOf({ ttl, stale = 0, tags = [] }: CachedOptions, req: Request): CacheOptions {
  return { ttl, stale, tags: typeof tags === 'function' ? tags(req) : tags };
}

/**
 * `s-maxage` is for shared caches in front, which subtract the Age they are sent.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2 and RFC 5861
 */
function cacheControlOf({ ttl, stale = 0, maxAge = 0 }: CachedOptions): string {
  const directives = ['public', `max-age=${maxAge}`, `s-maxage=${Math.floor(ttl)}`];
  const seconds = Math.floor(stale);
  if (seconds > 0) directives.push(`stale-while-revalidate=${seconds}`, `stale-if-error=${seconds}`);
  return directives.join(', ');
}

function personalRequests(sessionCookies: readonly string[]): (req: Request) => boolean {
  const names = sessionCookies.map((name) => name.replace(/[^\w-]/g, '\\$&'));
  const session = new RegExp(`(?:^|[;,\\s])(?:${names.join('|')})\\s*=`);
  return ({ headers: { authorization, cookie } }) =>
    authorization !== undefined || (cookie !== undefined && names.length > 0 && session.test(cookie));
}

/** Resolved once: finding a counter by its label costs more than counting. */
function counters(metrics: Pick<Metrics, 'cacheLookups'> | undefined) {
  const counter = (state: string) => {
    const child = metrics?.cacheLookups.labels(state);
    return () => child?.inc();
  };
  return { HIT: counter('hit'), STALE: counter('stale'), MISS: counter('miss'), BYPASS: counter('bypass') };
}
