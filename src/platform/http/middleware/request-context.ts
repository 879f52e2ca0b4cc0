import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestHandler } from 'express';
import type { Logger } from '../../observability/logger.ts';

/** What code may read about the request that it runs for. */
interface RequestContext {
  readonly id: string;
  readonly log: Logger;
}

const storage = new AsyncLocalStorage<RequestContext>();

/**
 * Makes a request's id and logger available to everything it calls, however deep.
 *
 * Not the request itself: what Node starts for a request keeps its context, and the keep-alive timer of the connection
 * is among that. Every idle connection would keep its last request and response, through one garbage
 * collection after the other.
 */
export function requestContext(): RequestHandler {
  return (req, _res, next) => {
    storage.run({ id: req.id as string, log: req.log }, next);
  };
}

/** The id of the current request; undefined outside of one (timers, start-up). */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.id;
}

/** The logger of the current request, which adds its id to every line; `fallback` outside of a request. */
export function currentLog(fallback: Logger): Logger {
  return storage.getStore()?.log ?? fallback;
}
