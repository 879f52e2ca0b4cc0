import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';
import { HttpError } from '../../errors.ts';
import type { Request, Response } from 'express';
import type { Cache } from '../../platform/cache/index.ts';
import type { Company } from './company.ts';
import { filterCompanies } from './find.ts';
import { condition, integer } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';

/** Length first: what is parsed is small, so it can't be nested deep enough to hurt. */
export const searchQuery = strictObject({
  params: v.pipe(
    v.string(),
    v.maxCodePoints(1000, 'must have at most 1000 characters'),
    v.examples(['{"q":"air","foundedBefore":1950}']),
  ),
});

const year = v.pipe(v.number(), v.safeInteger('must be a whole number'));

const searchParams = strictObject({
  q: v.optional(condition.q),
  country: v.optional(condition.country),
  sector: v.optional(condition.sector),
  foundedAfter: v.optional(year),
  foundedBefore: v.optional(year),
  limit: v.optional(integer(1, 100), 20),
});

/** All companies, from the cache. */
export function cachedCompanies(repository: CompanyRepository, cache: Cache): Promise<readonly Company[]> {
  return cache.wrap('companies', { ttl: 60, stale: 300, tags: ['companies'] }, () => repository.list());
}

/**
 * GET /search?params={"q":"air","foundedBefore":1950}
 *
 * Every search reads the same few companies, so they are cached, once, and not each of the countless responses.
 */
export function search(repository: CompanyRepository, cache: Cache) {
  return async (
    _req: Request,
    res: Response,
    { query: { params } }: { query: v.InferOutput<typeof searchQuery> },
  ) => {
    const { limit, ...conditions } = v.parse(searchParams, parseJson(params));
    const companies = await cachedCompanies(repository, cache);
    const found = filterCompanies(companies, conditions);
    res.json({ items: found.slice(0, limit), total: found.length });
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError('MALFORMED_JSON', { detail: 'The parameter params is not valid JSON.', cause });
  }
}
