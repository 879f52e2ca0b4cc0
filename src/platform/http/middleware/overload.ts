import type { Request, RequestHandler, Response } from 'express';
import { hasBody } from './body.ts';
import { clientAddress } from '../client-address.ts';
import { HttpError, problemJson } from '../errors.ts';

export interface OverloadLimits {
  /** How many milliseconds late the event loop may be before requests are refused; 0: never mind. */
  readonly maxDelayMs: number;
  /** How many requests may be in flight, their bodies received; 0: any number. */
  readonly maxInFlight: number;
  /** How many requests may be on the way, their bodies still arriving; 0: any number. */
  readonly maxReceiving?: number;
  /** How many of these may come from one address; 0: any number. */
  readonly maxReceivingPerAddress?: number;
}

/** How often the event loop is looked at, in milliseconds. */
const TICK_MS = 10;

/**
 * How long a body may take where too many are arriving already, in milliseconds: one that is sent right behind its
 * headers is there after a round trip, and its client need not notice that others are slow.
 */
const GRACE_MS = 500;

/** Made once: an error of its own for each refusal, with its stack, would cost as much as serving the request. */
const BUSY = new HttpError('UNAVAILABLE', {
  detail: 'The server has more requests than it can take right now.',
});

const TOO_MANY_BODIES = new HttpError('RATE_LIMITED', {
  detail: 'Too many request bodies from this address are arriving at the same time.',
});

/**
 * Refuses what would only wait: 503, and when to come back. A process that takes more than it can do answers
 * everything late, then too late, and then does work for clients that have given up. This one serves what it can in
 * time, and says no to the rest within milliseconds.
 *
 * A request whose body is still arriving costs memory, but no work: it counts for a limit of its own, so that a few
 * clients that send slowly can't have everybody else refused. It counts as in flight from the end of its body, without
 * being refused then: together there are at most as many requests as the two limits allow.
 *
 * Mount it behind the health checks: a balancer must not take a busy process for a dead one.
 */
export function overload(limits: OverloadLimits): RequestHandler {
  const { maxDelayMs, maxInFlight } = limits;
  const mostInFlight = maxInFlight || Infinity;
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
    if (inFlight >= mostInFlight || isLate(req.startedAt)) {
      refuse(req, res, BUSY);
      return;
    }
    if (!hasBody(req.headers)) {
      begin(res);
      next();
      return;
    }
    const admit = (otherwise: (refusal: HttpError) => void) => {
      // A client that has left by now has nothing to be counted for.
      if (res.destroyed) return;
      const refusal = req.complete ? undefined : receive(req, res, begin);
      if (req.complete) begin(res);
      if (refusal) otherwise(refusal);
      else next();
    };
    // Node tells of the headers first: most bodies came with them, and are there a tick later.
    process.nextTick(admit, () => {
      setTimeout(admit, GRACE_MS, (refusal: HttpError) => {
        refuse(req, res, refusal);
      });
    });
  };
}

/** Counts the requests whose body is arriving, and says what to refuse one with. */
function receiving({ maxReceiving = 0, maxReceivingPerAddress = 0 }: OverloadLimits) {
  const most = maxReceiving || Infinity;
  const mostPerAddress = maxReceivingPerAddress || Infinity;
  const counts = new Map<string, number>();
  let total = 0;
  return (req: Request, res: Response, onReceived: (res: Response) => void): HttpError | undefined => {
    const address = clientAddress(req);
    const count = counts.get(address) ?? 0;
    if (count >= mostPerAddress) return TOO_MANY_BODIES;
    if (total >= most) return BUSY;
    counts.set(address, count + 1);
    total++;
    const end = () => {
      req.off('end', received);
      res.off('close', end);
      const left = (counts.get(address) ?? 1) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
      total--;
    };
    const received = () => {
      end();
      onReceived(res);
    };
    req.on('end', received);
    res.on('close', end);
    return undefined;
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
function refuse(req: Request, res: Response, error: HttpError): void {
  res.problemCode = error.code;
  res.statusCode = error.status;
  res.setHeader('Retry-After', '1');
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
  res.end(problemJson(error, { requestId: req.id, url: req.originalUrl }));
}
