import cluster from 'node:cluster';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { CodedError, route, wrap } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import type { Cache } from '../../platform/cache/index.ts';
import { homePage, type HomeFacts } from './page.ts';

/** Short, so that whoever reloads the page a few times sees a MISS, HITs and a STALE. */
const CACHED = { ttl: 10, stale: 50 };

export interface HomeOptions {
  /** The user to try a log in with; undefined in production. */
  readonly demo?: HomeFacts['demo'];
}

/** The page at `/`: shows whoever has just cloned this that everything works. */
export function home(toolkit: Toolkit, { demo }: HomeOptions): Router {
  const { asset, session, stores } = toolkit;
  const newSessions = toolkit.rateLimit({ name: 'new-sessions', points: 30, perSeconds: 60 });
  const router = Router();
  route(router, '/', {
    get: [
      session,
      wrap(async (req, res) => {
        const facts: HomeFacts = {
          pid: process.pid,
          worker: cluster.worker?.id,
          uptimeSeconds: process.uptime(),
          store: { kind: stores.kind, up: stores.isUp() },
          visits: await countVisit(req, res, newSessions),
          user: sessionOf(req)?.user?.name,
          cache: await lookUp(stores.cache),
          demo,
        };
        res.type('html').send(homePage(facts, asset));
      }),
    ],
  });
  return router;
}

async function countVisit(req: Request, res: Response, newSessions: RequestHandler) {
  const session = sessionOf(req);
  if (!session) return 'away';
  // Crawlers send no cookie, so each of their requests would leave another session in the store.
  if (session.visits === undefined && !(await isWithin(newSessions, req, res))) return 'uncounted';
  session.visits = (session.visits ?? 0) + 1;
  return session.visits;
}

/** Asks a limit by hand, where the answer beyond it is not to be a 429. */
async function isWithin(limit: RequestHandler, req: Request, res: Response): Promise<boolean> {
  try {
    await limit(req, res, () => undefined);
    return true;
  } catch (error) {
    if (error instanceof CodedError && error.code === 'RATE_LIMITED') return false;
    throw error;
  }
}

/** A value that is made once for all processes, and then comes from the cache. */
async function lookUp(cache: Cache): Promise<HomeFacts['cache']> {
  const load = () => ({ pid: process.pid });
  const { value, state, storedAt } = await cache.fetch('home', CACHED, load);
  return { pid: value.pid, state, ageSeconds: Math.max(0, (Date.now() - storedAt) / 1000) };
}
