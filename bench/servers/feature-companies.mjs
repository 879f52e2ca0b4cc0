// The companies of this template as they are without a cache: each request is a miss.
import { Router } from 'express';
import { companies } from '../companies/index.js';
import { openCompanies } from '../companies/open.js';
import { responseCache } from '../../platform/cache/response-cache.js';

/** A cache that has nothing. */
const cache = {
  fetch: async (_key, _options, load) => ({ value: await load(), state: 'MISS', storedAt: Date.now() }),
};

export function addCompanies(router, toolkit) {
  const cached = responseCache({ cache, sessionCookies: [], compression: false, timeoutMs: 30_000 });
  const uncached = Router();
  router.use(uncached);
  void openCompanies(toolkit).then((repository) =>
    uncached.use(companies({ ...toolkit, cached }, repository)),
  );
}
