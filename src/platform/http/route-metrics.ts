import type { ServerResponse } from 'node:http';
import type { Request } from 'express';
import type { Metrics } from '../observability/metrics.ts';

declare module 'http' {
  interface IncomingMessage {
    /** The pattern of the route that took the request, for example `/api/companies/:id`. */
    routePattern?: string;
  }
}

/** More routes than any app has. A router mounted below a parameter (`/orgs/:org`) has as many as clients make up. */
const MAX_ROUTES = 1000;

/**
 * Counts a finished response by route, not by path: paths are made up by clients, and each would be a time series of
 * its own.
 */
export function observeResponse(metrics: Metrics): (response: ServerResponse) => void {
  const routes = new Set<string>();
  const nameOf = (route = 'other') => {
    if (routes.size < MAX_ROUTES) routes.add(route);
    return routes.has(route) ? route : 'other';
  };
  return (response) => {
    const req = response.req as Request;
    // No middleware has seen it. A metric must not be what ends the process.
    if ((req.startedAt as number | undefined) === undefined) return;
    metrics.requestDuration.observe(
      { method: req.method, route: nameOf(req.routePattern), status: response.statusCode },
      (performance.now() - req.startedAt) / 1000,
    );
  };
}
