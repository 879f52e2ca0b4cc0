import type { Request } from 'express';
import * as v from 'valibot';
import { strictObject } from '../../config/schemas.ts';
import type { Handler } from '../../http/wrap.ts';
import { filterCompanies, SORT_FIELDS, sortCompanies } from './find.ts';
import { condition, wholeNumber } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';

const SORTS = [...SORT_FIELDS, ...SORT_FIELDS.map((field) => `-${field}` as const)];

/** Strict: a parameter that is misspelt or given twice is a 400, not ignored. */
const listQuery = strictObject({
  page: v.optional(wholeNumber(1_000_000), '1'),
  pageSize: v.optional(wholeNumber(100), '20'),
  q: v.optional(condition.q),
  country: v.optional(condition.country),
  sector: v.optional(condition.sector),
  sort: v.optional(v.picklist(SORTS, `must be one of: ${SORTS.join(', ')}`), 'id'),
});

/** GET /companies?page=2&pageSize=50&q=paulo&sort=-founded */
export function list(repository: CompanyRepository): Handler {
  return async (req, res) => {
    const { page, pageSize, sort, ...conditions } = v.parse(listQuery, req.query);
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
