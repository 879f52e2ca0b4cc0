// The benchmark's routes as a feature of this template. It is put among the others (bench/lib/app-under-test.mjs); every
// other line of the application is what `npm run build` made.
import { Router } from 'express';
import { hello, list, work } from 'BENCH/payloads.mjs';
import { route } from '../../platform/http/route.js';
import { sessionOf } from '../../platform/sessions/session.js';
import { addCompanies } from './feature-companies.mjs';
import { addScales } from './feature-scale.mjs';

/** Some 3 ms. */
const WORK_STEPS = 24_000;

export function bench(toolkit) {
  const { session, cached } = toolkit;
  const router = Router();
  route(router, '/hello', {
    get: (_req, res) => {
      res.json(hello());
    },
  });
  route(router, '/list', {
    get: cached({ ttl: 60, stale: 60 }, () => list()),
  });
  route(router, '/page', {
    get: (_req, res) => {
      // Made anew each time; a cache in front may keep it.
      res.set('Cache-Control', 'public, max-age=0, s-maxage=60').json(list());
    },
  });
  route(router, '/login', {
    get: [
      session,
      (req, res) => {
        req.session.user = { id: '1', name: 'ada' };
        res.json({ user: req.session.user });
      },
    ],
  });
  route(router, '/session', {
    get: [
      session,
      (req, res) => {
        res.json({ user: sessionOf(req)?.user });
      },
    ],
  });
  route(router, '/work', {
    get: (_req, res) => {
      res.json(work(WORK_STEPS));
    },
  });
  addScales(router, toolkit);
  addCompanies(router, toolkit);
  return router;
}
