// The companies of this template as they are without a cache: each request is a miss.
import { Router } from 'express';
import { companies } from '../companies/index.js';
import { openCompanies } from '../companies/open.js';
import { responseCache } from '../../platform/cache/response-cache.js';

/** A cache that has nothing. */
const cache = {
  fetch: async (_key, _options, load) => ({ value: await load(), state: 'MISS', storedAt: Date.now() }),
};

/** Only where they are measured: to read them is no part of another row's start. */
export function addCompanies(router, toolkit) {
  if (!process.env.BENCH_COMPANIES) return;
  const cached = responseCache({ cache, sessionCookies: [], compression: false, timeoutMs: 30_000 });
  const uncached = Router();
  router.use(uncached);
  void openCompanies(toolkit).then((repository) =>
    uncached.use(companies({ ...toolkit, cached }, repository)),
  );
}
