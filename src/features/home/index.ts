import cluster from 'node:cluster';
import { Router, type Request, type Response } from 'express';
import { APP_NAME } from '../../platform/config/index.ts';
import { endpoint, route } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import type { CompanyRepository } from '../companies/repository.ts';
import { homePage, type DemoFacts, type HomeFacts } from './page.ts';

export interface HomeParts {
  /** The user to try a login with. */
  readonly demo: Pick<DemoFacts, 'name' | 'password'> | undefined;
  readonly companies: CompanyRepository;
}

/** The page at `/`: shows after a first start that everything works, and what to do next. */
export function home(toolkit: Toolkit, { demo, companies }: HomeParts): Router {
  const { asset, config, session, stores } = toolkit;
  const show = async (req: Request, res: Response) => {
    const current = sessionOf(req);
    const facts: HomeFacts = {
      name: APP_NAME,
      problem: problemOf(toolkit),
      mode: cluster.isWorker ? 'Cluster' : 'One process',
      environment: config.NODE_ENV,
      store: stores.kind === 'redis' ? 'Redis' : 'Memory',
      user: current ? current.user : 'away',
      details: config.NODE_ENV === 'development' ? detailsOf(current) : {},
      // Not from the cache. While the store is away, the page is there all the same.
      demo: demo && { ...demo, company: await companies.get(1).catch(() => undefined) },
      more: {
        ...(config.API_DOCS && { '/docs': 'The API, with a form to try each GET' }),
        'docs/operations-page.md': 'See and steer the running app: live charts, flame graphs',
      },
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

/** As /readyz reports it. */
function problemOf({ lifecycle, stores }: Toolkit): string | undefined {
  if (stores.isUp() === false) return stores.problem() ?? 'Redis is down';
  const down = [...lifecycle.checks].filter(([, isUp]) => !isUp()).map(([name]) => `${name} is down`);
  return stores.problem() ?? (down.join(', ') || undefined);
}

function detailsOf(session: ReturnType<typeof sessionOf>): HomeFacts['details'] {
  const { worker } = cluster;
  // To count is to start a session: of visitors who never log in, and of crawlers, production keeps none.
  if (session) session.visits = (session.visits ?? 0) + 1;
  return {
    Process: `${process.pid}${worker ? ` (worker ${worker.id})` : ''}`,
    'Up for': `${Math.floor(process.uptime())} s`,
    'Your visits': String(session?.visits ?? 'not counted'),
  };
}
