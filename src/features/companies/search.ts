import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';
import { HttpError } from '../../errors.ts';
import type { Request, Response } from 'express';
import type { Cache, CacheOptions } from '../../platform/cache/index.ts';
import { condition, integer } from './parameters.ts';
import type { CompanyQuery, CompanyRepository } from './repository.ts';

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

/** GET /search?params={"q":"air","foundedBefore":1950} */
export function search(repository: CompanyRepository, cache: Cache, lifetime: CacheOptions) {
  return async (
    _req: Request,
    res: Response,
    { query: { params } }: { query: v.InferOutput<typeof searchQuery> },
  ) => {
    const { limit, ...conditions } = v.parse(searchParams, parseJson(params));
    const query: CompanyQuery = { conditions, sort: 'id', offset: 0, limit };
    // The log has a key up to its question mark.
    const key = `search?${JSON.stringify(query)}`;
    res.json(await cache.wrap(key, lifetime, () => repository.page(query)));
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError('MALFORMED_JSON', { detail: 'The parameter params is not valid JSON.', cause });
  }
}
