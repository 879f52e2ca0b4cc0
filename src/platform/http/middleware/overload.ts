import type { Request, RequestHandler, Response } from 'express';
import { hasBody } from './body.ts';
import { clientAddress } from '../client-address.ts';
import { HttpError, problemJson } from '../errors.ts';

export interface OverloadLimits {
  /** How many milliseconds late the event loop may be before requests are rejected; 0: any number. */
  readonly maxDelayMs: number;
  /** How many requests may be in flight whose body is received; 0: any number. */
  readonly maxInFlight: number;
  /** How many requests may be in flight whose body is still arriving; 0: any number. */
  readonly maxReceiving?: number;
  /** How many of these may come from one address; 0: any number. */
  readonly maxReceivingPerAddress?: number;
}

/** How often the delay of the event loop is measured, in milliseconds. */
const TICK_MS = 10;

/**
 * How long a body may take where too many are arriving already, in milliseconds: one that is sent right behind its
 * headers is there after a round trip, and its client need not notice that others are slow.
 */
const GRACE_MS = 500;

/** Created once: an error with its stack per rejected request would cost as much as serving it. */
const BUSY = new HttpError('UNAVAILABLE', {
  detail: 'The server has more requests than it can take right now.',
});

const TOO_MANY_BODIES = new HttpError('RATE_LIMITED', {
  detail: 'Too many request bodies from this address are arriving at the same time.',
});

/**
 * Rejects what would only wait: 503 with Retry-After. A process that takes more than it can do responds to everything
 * too late, and works for clients that have given up.
 *
 * A request whose body is still arriving costs memory, but no work: it has a limit of its own, so that slow clients do
 * not take the place of others. It counts as in flight from the end of its body, and is not rejected then.
 *
 * Mount it behind the health checks: a balancer must not take a busy process for a dead one.
 */
export function overload(limits: OverloadLimits): RequestHandler {
  const { maxDelayMs, maxInFlight } = limits;
  const isLate = maxDelayMs > 0 ? watchLoop(maxDelayMs) : () => false;
  const receive = receiving(limits);
  let inFlight = 0;
  const left = () => {
    inFlight--;
  };
  const begin = (res: Response) => {
    inFlight++;
    res.on('close', left);
  };
  return (req, res, next) => {
    if (inFlight >= (maxInFlight || Infinity) || isLate(req.startedAt)) {
      reject(req, res, BUSY);
      return;
    }
    if (!hasBody(req.headers)) {
      begin(res);
      next();
      return;
    }
    const admit = (otherwise: (error: HttpError) => void) => {
      // The client may have left meanwhile.
      if (res.destroyed) return;
      const error = req.complete ? undefined : receive(req, res, begin);
      if (req.complete) begin(res);
      if (error) otherwise(error);
      else next();
    };
    // Node reports the headers first: most bodies came with them, and are complete a tick later.
    process.nextTick(admit, () => {
      setTimeout(admit, GRACE_MS, (error: HttpError) => {
        reject(req, res, error);
      });
    });
  };
}

/** Counts the requests whose body is arriving. @returns a function that gives the error for one too many. */
function receiving({ maxReceiving = 0, maxReceivingPerAddress = 0 }: OverloadLimits) {
  const counts = new Map<string, number>();
  let total = 0;
  return (req: Request, res: Response, onReceived: (res: Response) => void): HttpError | undefined => {
    const address = clientAddress(req);
    const count = counts.get(address) ?? 0;
    if (count >= (maxReceivingPerAddress || Infinity)) return TOO_MANY_BODIES;
    if (total >= (maxReceiving || Infinity)) return BUSY;
    counts.set(address, count + 1);
    total++;
    const end = () => {
      req.off('end', end);
      res.off('close', end);
      const left = (counts.get(address) ?? 1) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
      total--;
      if (!res.destroyed) onReceived(res);
    };
    req.on('end', end);
    res.on('close', end);
    return undefined;
  };
}

/**
 * Whether the event loop has been late for two turns: one long pause (a large JSON, a garbage collection) is no
 * overload, and it would not help to reject those who waited through it. `perf_hooks` has statistics over a period,
 * not the delay of this turn.
 */
export function watchLoop(maxDelayMs: number): (now: number) => boolean {
  let due = performance.now() + TICK_MS;
  let lastDelay = 0;
  setInterval(() => {
    const now = performance.now();
    lastDelay = now - due;
    due = now + TICK_MS;
  }, TICK_MS).unref();
  return (now) => now - due > maxDelayMs && lastDelay > maxDelayMs / 2;
}

/** Not through the error handler: a rejected request must cost less than one that is served. */
function reject(req: Request, res: Response, error: HttpError): void {
  res.problemCode = error.code;
  const type = 'application/problem+json; charset=utf-8';
  res.writeHead(error.status, { 'Retry-After': '1', 'Cache-Control': 'no-store', 'Content-Type': type });
  res.end(problemJson(error, { requestId: req.id, url: req.originalUrl }));
}
