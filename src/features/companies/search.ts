import { z } from 'zod';
import { HttpError } from '../../http/errors.ts';
import type { Handler } from '../../http/wrap.ts';
import type { Cache } from '../../stores/cache/cache.ts';
import { filterCompanies } from './find.ts';
import { condition } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';

/** Length first: what is parsed is small, so it can't be nested deep enough to hurt. */
const searchQuery = z.strictObject({ params: z.string().max(1000, 'must have at most 1000 characters') });

const searchParams = z.strictObject({
  q: condition.q.optional(),
  country: condition.country.optional(),
  sector: condition.sector.optional(),
  foundedAfter: z.int().optional(),
  foundedBefore: z.int().optional(),
  limit: z.int().min(1).max(100).default(20),
});

/**
 * GET /search?params={"q":"air","foundedBefore":1950}
 *
 * The same few companies answer every search, so it is they that are cached, once, and not each of the countless answers.
 */
export function search(repository: CompanyRepository, cache: Cache): Handler {
  return async (req, res) => {
    const { params } = searchQuery.parse(req.query);
    const { limit, ...conditions } = searchParams.parse(parseJson(params));
    const companies = await cache.wrap('companies', { ttl: 60, stale: 300, tags: ['companies'] }, () =>
      repository.list(),
    );
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
