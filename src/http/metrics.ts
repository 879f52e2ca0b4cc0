import type { ServerResponse } from 'node:http';
import type { Request } from 'express';
import type { Metrics } from '../runtime/metrics.ts';

declare module 'node:http' {
  interface IncomingMessage {
    /** The pattern of the route that took the request, for example `/api/companies/:id`. */
    routePattern?: string;
  }
}

/**
 * Counts a finished response by route, not by path: paths are made up by clients, and each would be a time series of
 * its own.
 */
export function observeResponse(metrics: Metrics): (response: ServerResponse) => void {
  return (response) => {
    const req = response.req as Request;
    // No middleware has seen it. A metric must not be what ends the process.
    if ((req.startedAt as number | undefined) === undefined) return;
    metrics.requestDuration.observe(
      { method: req.method, route: req.routePattern ?? 'other', status: response.statusCode },
      (performance.now() - req.startedAt) / 1000,
    );
  };
}
