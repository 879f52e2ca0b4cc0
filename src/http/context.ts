import { AsyncLocalStorage } from 'node:async_hooks';
import type { Request, RequestHandler } from 'express';
import type { Logger } from '../runtime/logger.ts';

const storage = new AsyncLocalStorage<Request>();

/** Makes the request known to everything it calls, however deep. The request itself is what is stored: nothing is allocated. */
export function requestContext(): RequestHandler {
  return (req, _res, next) => {
    storage.run(req, next);
  };
}

/** The request this code works for; undefined outside of one (timers, start-up). */
export function currentRequest(): Request | undefined {
  return storage.getStore();
}

/** The id of the request this code works for. */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.id as string | undefined;
}

/** The logger of the request this code works for, which adds its id to every line; `fallback` outside of a request. */
export function currentLog(fallback: Logger): Logger {
  return (storage.getStore()?.log as Logger | undefined) ?? fallback;
}
