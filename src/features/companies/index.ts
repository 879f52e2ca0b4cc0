import { Router } from 'express';
import { HttpError } from '../../errors.ts';
import { type Endpoint, endpoint, route, storeUnavailable } from '../../platform/http/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import type { Cache } from '../../platform/cache/index.ts';
import { changesSchema, companyPage, companySchema, foundCompanies } from './company.ts';
import { csv } from './csv.ts';
import { list, listQuery } from './list.ts';
import { logo } from './logo.ts';
import { companyPath } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';
import { search, searchQuery } from './search.ts';

/** Seconds for which a response is fresh, and seconds after that in which it is still sent while a new one is loaded. */
const CACHED = { ttl: 60, stale: 300, tags: ['companies'] };

/** The worked example: a resource with a list, a search, an export, a file, and a change that needs a session. */
export function companies(toolkit: Toolkit, repository: CompanyRepository): Router {
  const { cached, guarded, stores } = toolkit;
  const router = Router();
  route(router, '/companies', {
    get: endpoint({
      summary: 'Companies, page by page',
      query: listQuery,
      responses: { 200: { description: 'A page; Link leads to the others', schema: companyPage } },
      cached: (loader) => cached(CACHED, loader),
      load: list(repository),
    }),
  });
  route(router, '/companies.csv', {
    get: endpoint({
      summary: 'All companies as CSV',
      responses: { 200: { description: 'A line of names, then a line per company', type: 'text/csv' } },
      handler: csv(repository),
    }),
  });
  route(router, '/companies/:id', { get: one(repository), patch: update(repository, guarded, stores.cache) });
  route(router, '/companies/:id/logo', { get: image(repository) });
  route(router, '/search', {
    get: endpoint({
      summary: 'Companies that fulfil conditions, which are JSON in the query',
      query: searchQuery,
      responses: {
        200: { description: 'The first of them, and how many there are', schema: foundCompanies },
      },
      errors: ['MALFORMED_JSON'],
      handler: search(repository, stores.cache, CACHED),
    }),
  });
  return router;
}

function one(repository: CompanyRepository): Endpoint {
  return endpoint({
    summary: 'A company',
    params: companyPath,
    responses: { 200: { description: 'The company', schema: companySchema } },
    errors: ['NOT_FOUND'],
    handler: async (_req, res, { params: { id } }) => {
      const company = await repository.get(id);
      if (!company) throw noCompany(id);
      res.json(company);
    },
  });
}

function image(repository: CompanyRepository): Endpoint {
  return endpoint({
    summary: "A company's logo",
    params: companyPath,
    responses: {
      200: { description: 'An image', type: 'image/svg+xml' },
      304: { description: 'The client has it' },
    },
    errors: ['NOT_FOUND'],
    handler: logo(repository),
  });
}

function update(repository: CompanyRepository, guards: Toolkit['guarded'], cache: Cache): Endpoint {
  return endpoint({
    summary: 'Change fields of a company',
    guards,
    params: companyPath,
    body: changesSchema,
    responses: { 200: { description: 'The company as it is now', schema: companySchema } },
    errors: ['NOT_FOUND'],
    handler: async (_req, res, { params: { id }, body: changes }) => {
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
    },
  });
}

function noCompany(id: number): HttpError {
  return new HttpError('NOT_FOUND', { detail: `There is no company ${id}.` });
}
