import type { ServerResponse } from 'node:http';
import type { Request } from 'express';
import type { Metrics } from '../observability/metrics.ts';

/** More routes than any app has. A router mounted below a parameter (`/orgs/:org`) has as many as clients invent. */
const MAX_ROUTES = 1000;

/**
 * Counts a finished response by route, not by path: clients invent paths, and each would be a time series of its own.
 */
export function observeResponse(metrics: Metrics): (response: ServerResponse) => void {
  const routes = new Set<string>();
  const nameOf = (route = 'other') => {
    if (routes.size < MAX_ROUTES) routes.add(route);
    return routes.has(route) ? route : 'other';
  };
  return (response) => {
    const req = response.req as Request;
    // It never reached a middleware.
    if ((req.startedAt as number | undefined) === undefined) return;
    metrics.requestDuration.observe(
      { method: req.method, route: nameOf(req.routePattern), status: response.statusCode },
      (performance.now() - req.startedAt) / 1000,
    );
  };
}
