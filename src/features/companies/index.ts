import { Router } from 'express';
import * as v from 'valibot';
import { HttpError } from '../../errors.ts';
import { type Handler, route, storeUnavailable, wrap } from '../../platform/http/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import type { Cache } from '../../platform/cache/index.ts';
import { changesSchema } from './company.ts';
import { csv } from './csv.ts';
import { list } from './list.ts';
import { logo } from './logo.ts';
import { companyPath } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';
import { search } from './search.ts';

/** Seconds for which a response is fresh, and seconds after that in which it is still sent while a new one is loaded. */
const CACHED = { ttl: 60, stale: 300, tags: ['companies'] };

/** The worked example: a resource with a list, a search, an export, a file, and a change that needs a session. */
export function companies(toolkit: Toolkit, repository: CompanyRepository): Router {
  const { guarded, stores } = toolkit;
  const router = Router();
  route(router, '/companies', { get: toolkit.cached(CACHED, list(repository)) });
  route(router, '/companies.csv', { get: wrap(csv(repository)) });
  route(router, '/companies/:id', {
    get: wrap(one(repository)),
    patch: [...guarded, wrap(update(repository, stores.cache))],
  });
  route(router, '/companies/:id/logo', { get: wrap(logo(repository)) });
  route(router, '/search', { get: wrap(search(repository, stores.cache)) });
  return router;
}

function one(repository: CompanyRepository): Handler {
  return async (req, res) => {
    const { id } = v.parse(companyPath, req.params);
    const company = await repository.get(id);
    if (!company) throw noCompany(id);
    res.json(company);
  };
}

function update(repository: CompanyRepository, cache: Cache): Handler {
  return async (req, res) => {
    const { id } = v.parse(companyPath, req.params);
    const changes = v.parse(changesSchema, req.body);
    const company = await repository.update(id, changes).catch((error: unknown) => {
      // A Redis that hung may have made the change all the same.
      void cache.purgeTag('companies');
      throw error;
    });
    if (!company) throw noCompany(id);
    // After the response to a change, this process shows the change at once and every other one within a second, always:
    // where that can't be promised, the change is not confirmed.
    if (!(await cache.purgeTag('companies'))) throw storeUnavailable();
    res.json(company);
  };
}

function noCompany(id: number): HttpError {
  return new HttpError('NOT_FOUND', { detail: `There is no company ${id}.` });
}
