import type { ServerResponse } from 'node:http';
import type { Request, Response } from 'express';
import type { Activity } from '../operations/activity.ts';
import type { Metrics } from '../observability/metrics.ts';

/** More routes than any app has. A router mounted below a parameter (`/orgs/:org`) has as many as clients invent. */
const MAX_ROUTES = 1000;

/**
 * Counts a finished response by route, not by path: clients invent paths, and each would be a time series of its own.
 */
export function observeResponse(metrics: Metrics, activity?: Activity): (response: ServerResponse) => void {
  const routes = new Set<string>();
  const nameOf = (route = 'other') => {
    if (routes.has(route)) return route;
    if (routes.size >= MAX_ROUTES) return 'other';
    routes.add(route);
    return route;
  };
  return (response) => {
    const req = response.req as Request;
    // It never reached a middleware.
    if ((req.startedAt as number | undefined) === undefined) return;
    const { method, id: requestId } = req;
    const { statusCode: status, problemCode: code, err: error } = response as Response;
    const route = nameOf(req.routePattern);
    const ms = performance.now() - req.startedAt;
    metrics.requestDuration.observe({ method, route, status }, ms / 1000);
    activity?.add({ method, route, status, ms, code, requestId, error });
  };
}
