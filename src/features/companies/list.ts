import type { Request } from 'express';
import { z } from 'zod';
import type { Handler } from '../../http/wrap.ts';
import { filterCompanies, SORT_FIELDS, sortCompanies } from './find.ts';
import { condition, wholeNumber } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';

const DESCENDING = SORT_FIELDS.map((field) => `-${field}` as const);

/** Strict: a parameter that is misspelt or given twice is a 400, not ignored. */
const listQuery = z.strictObject({
  page: wholeNumber(1_000_000).default(1),
  pageSize: wholeNumber(100).default(20),
  q: condition.q.optional(),
  country: condition.country.optional(),
  sector: condition.sector.optional(),
  sort: z.enum([...SORT_FIELDS, ...DESCENDING]).default('id'),
});

/** GET /companies?page=2&pageSize=50&q=paulo&sort=-founded */
export function list(repository: CompanyRepository): Handler {
  return async (req, res) => {
    const { page, pageSize, sort, ...conditions } = listQuery.parse(req.query);
    const found = sortCompanies(filterCompanies(await repository.list(), conditions), sort);
    const pages = Math.ceil(found.length / pageSize);
    res.links(pageLinks(req, page, Math.max(pages, 1)));
    res.json({
      items: found.slice((page - 1) * pageSize, page * pageSize),
      page,
      pageSize,
      total: found.length,
      pages,
    });
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc8288 Web Linking */
function pageLinks(req: Request, page: number, last: number): Record<string, string> {
  const linkTo = (number: number) => {
    const parameters = { ...(req.query as Record<string, string>), page: String(number) };
    return `${req.baseUrl}${req.path}?${new URLSearchParams(parameters).toString()}`;
  };
  return {
    first: linkTo(1),
    ...(page > 1 && { prev: linkTo(Math.min(page - 1, last)) }),
    ...(page < last && { next: linkTo(page + 1) }),
    last: linkTo(last),
  };
}
