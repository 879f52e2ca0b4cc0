// What --scale asks for, beside the routes of feature.mjs.
import { Router } from 'express';
import { hello } from 'BENCH/payloads.mjs';
import { addManyRoutes } from 'BENCH/servers/many-routes.mjs';
import { route } from '../../platform/http/route.js';
import { wrap } from '../../platform/http/wrap.js';

/** Seconds: longer than a run takes. */
const DAY = 24 * 60 * 60;

/** Some 200 bytes of JSON. */
const VALUE = { id: 'value', name: 'Company 1', city: 'São Paulo', country: 'BR', about: 'x'.repeat(120) };

export function addScales(router, { session, requireUser, stores }) {
  route(router, '/user', {
    get: [
      session,
      requireUser,
      (req, res) => {
        res.json({ user: req.session.user });
      },
    ],
  });
  route(router, '/cached/:id', {
    get: wrap(async ({ params: { id } }, res) => {
      res.json(await stores.cache.wrap(`bench:${id}`, { ttl: DAY }, () => valueOf(id)));
    }),
  });
  addManyRoutes(router, Router, (feature, path) => {
    route(feature, path, {
      get: (_req, res) => {
        res.json(hello());
      },
    });
  });
}

function valueOf(id) {
  if (id !== VALUE.id) throw new Error(`${id} is not in the cache`);
  return VALUE;
}
