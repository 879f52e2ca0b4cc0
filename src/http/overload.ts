import type { Request, RequestHandler, Response } from 'express';
import { problemDetails } from './error-handler.ts';
import { HttpError } from './errors.ts';

export interface OverloadLimits {
  /** How many milliseconds late the event loop may be before requests are refused; 0: never mind. */
  readonly maxDelayMs: number;
  /** How many requests may be in flight; 0: any number. */
  readonly maxInFlight: number;
}

/** How often the event loop is looked at, in milliseconds. */
const TICK_MS = 10;

/** Made once: an error of its own for each refusal, with its stack, would cost as much as serving the request. */
const BUSY = new HttpError('UNAVAILABLE', {
  detail: 'The server has more requests than it can take right now.',
});

/**
 * Refuses what would only wait: 503, and when to come back. A process that takes more than it can do answers
 * everything late, then too late, and then does work for clients that have given up. This one serves what it can in
 * time, and says no to the rest within milliseconds.
 *
 * Mount it behind the health checks: a balancer must not take a busy process for a dead one.
 */
export function overload({ maxDelayMs, maxInFlight }: OverloadLimits): RequestHandler {
  const mostInFlight = maxInFlight || Infinity;
  const isLate = maxDelayMs > 0 ? watchLoop(maxDelayMs) : () => false;
  let inFlight = 0;
  const left = () => {
    inFlight--;
  };
  return (req, res, next) => {
    if (inFlight >= mostInFlight || isLate(req.startedAt)) {
      refuse(req, res);
      return;
    }
    inFlight++;
    res.on('close', left);
    next();
  };
}

/**
 * Says whether the event loop has been late for two turns: one long pause (a large JSON, a garbage collection) is no
 * overload, and refusing those who waited through it would help nobody.
 */
function watchLoop(maxDelayMs: number): (now: number) => boolean {
  let due = performance.now() + TICK_MS;
  let lastDelay = 0;
  setInterval(() => {
    const now = performance.now();
    lastDelay = now - due;
    due = now + TICK_MS;
  }, TICK_MS).unref();
  return (now) => now - due > maxDelayMs && lastDelay > maxDelayMs / 2;
}

/** Straight away, and not through the error handler: a refusal must cost less than the request. */
function refuse(req: Request, res: Response): void {
  res.problemCode = BUSY.code;
  res.statusCode = BUSY.status;
  res.setHeader('Retry-After', '1');
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
  res.end(JSON.stringify(problemDetails(BUSY, req, false)));
}
