import cluster from 'node:cluster';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { CodedError, endpoint, route } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { homePage, type HomeFacts } from './page.ts';

/** Short: who reloads the page a few times sees a MISS, HITs and a STALE. */
const CACHED = { ttl: 10, stale: 50 };

/** The page at `/`: shows after a first start that everything works. `demo` is the user to try a login with. */
export function home(toolkit: Toolkit, { demo }: Pick<HomeFacts, 'demo'>): Router {
  const { asset, session, stores } = toolkit;
  const newSessions = toolkit.rateLimit({ name: 'new-sessions', points: 30, perSeconds: 60 });
  const show = async (req: Request, res: Response) => {
    // Loaded once for all processes.
    const cached = await stores.cache.fetch('home', CACHED, () => ({ pid: process.pid }));
    const facts: HomeFacts = {
      pid: process.pid,
      worker: cluster.worker?.id,
      uptimeSeconds: process.uptime(),
      store: { kind: stores.kind, up: stores.isUp() },
      visits: await countVisit(req, res, newSessions),
      user: sessionOf(req)?.user?.name,
      cache: {
        pid: cached.value.pid,
        state: cached.state,
        ageSeconds: Math.max(0, (Date.now() - cached.storedAt) / 1000),
      },
      demo,
    };
    res.type('html').send(homePage(facts, asset));
  };
  const router = Router();
  route(router, '/', {
    get: endpoint({
      summary: 'The start page',
      guards: [session],
      responses: { 200: { description: 'A page', type: 'text/html' } },
      handler: show,
    }),
  });
  return router;
}

async function countVisit(req: Request, res: Response, newSessions: RequestHandler) {
  const session = sessionOf(req);
  if (!session) return 'away';
  // Crawlers send no cookie: each of their requests would leave another session in the store.
  if (session.visits === undefined && !(await isWithin(newSessions, req, res))) return 'uncounted';
  session.visits = (session.visits ?? 0) + 1;
  return session.visits;
}

/** Applies a limit where a request beyond it is not to get a 429. */
async function isWithin(limit: RequestHandler, req: Request, res: Response): Promise<boolean> {
  try {
    await limit(req, res, () => undefined);
    return true;
  } catch (error) {
    if (error instanceof CodedError && error.code === 'RATE_LIMITED') return false;
    throw error;
  }
}
