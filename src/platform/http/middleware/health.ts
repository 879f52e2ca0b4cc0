import { Router, type RequestHandler } from 'express';
import type { Lifecycle } from '../../lifecycle/lifecycle.ts';
import { route } from '../route.ts';

export interface HealthOptions {
  readonly lifecycle: Lifecycle;
  /** Whether the store responds; undefined for a store in memory. */
  readonly storeIsUp: () => boolean | undefined;
  /** Why it is down, or what it rejects although it is up, in words that are public. */
  readonly storeProblem?: () => string | undefined;
  /** Whether a store that is away makes the process not ready, or only degraded. */
  readonly readyRequiresStore?: boolean;
}

/** What may be a probe; the router decides. */
const PROBES = /^\/(?:livez|readyz)/i;

/**
 * `/livez`: the process responds; it asks no dependency, because an outage of Redis would have every worker restarted.
 * `/readyz`: send it traffic, or don't (503: it starts or drains).
 *
 * @see https://kubernetes.io/docs/reference/using-api/health-checks/
 */
export function health({
  lifecycle,
  storeIsUp,
  storeProblem = () => undefined,
  readyRequiresStore = false,
}: HealthOptions): RequestHandler {
  const router = Router();
  route(router, '/livez', {
    get: (_req, res) => {
      res.set('Cache-Control', 'no-store').json({ status: 'ok' });
    },
  });
  route(router, '/readyz', {
    get: (_req, res) => {
      const up = storeIsUp();
      const reason = storeProblem();
      const checks = [...lifecycle.checks].map(([name, isUp]) => [name, isUp() ? 'up' : 'down'] as const);
      const works = up !== false && reason === undefined;
      const isWhole = works && checks.every(([, state]) => state === 'up');
      const whenReady = !works && readyRequiresStore ? 'unavailable' : isWhole ? 'ready' : 'degraded';
      const status = lifecycle.phase === 'ready' ? whenReady : lifecycle.phase;
      res
        .set('Cache-Control', 'no-store')
        .status(status === 'ready' || status === 'degraded' ? 200 : 503)
        .json({
          status,
          store: up === undefined ? 'memory' : up ? 'up' : 'down',
          reason,
          checks: checks.length > 0 ? Object.fromEntries(checks) : undefined,
        });
    },
  });
  return (req, res, next) => {
    if (PROBES.test(req.url)) router(req, res, next);
    else next();
  };
}
