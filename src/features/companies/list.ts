import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';
import { SORT_FIELDS } from './find.ts';
import { condition, wholeNumber } from './parameters.ts';
import type { CompanyRepository } from './repository.ts';

const SORTS = [...SORT_FIELDS, ...SORT_FIELDS.map((field) => `-${field}` as const)];

const FIRST_PAGE = '1';
const PAGE_SIZE = '20';
const SORT = 'id';

/** Of GET /companies. Strict: a parameter that is misspelt or given twice is a 400, not ignored. */
export const listQuery = strictObject({
  page: v.optional(wholeNumber(1_000_000), FIRST_PAGE),
  pageSize: v.optional(wholeNumber(100), PAGE_SIZE),
  q: v.optional(condition.q),
  country: v.optional(condition.country),
  sector: v.optional(condition.sector),
  sort: v.optional(v.picklist(SORTS, `must be one of: ${SORTS.join(', ')}`), SORT),
});

type ListQuery = v.InferOutput<typeof listQuery>;

/** GET /companies?page=2&pageSize=50&q=paulo&sort=-founded */
export function list(repository: CompanyRepository) {
  return async ({ path, query: asked }: { path: string; query: ListQuery }) => {
    const { page, pageSize, sort, ...conditions } = asked;
    const offset = (page - 1) * pageSize;
    const { items, total } = await repository.page({ conditions, sort, offset, limit: pageSize });
    const pages = Math.ceil(total / pageSize);
    return {
      body: { items, page, pageSize, total, pages },
      type: 'application/json; charset=utf-8',
      headers: { Link: pageLinks(path, asked, Math.max(pages, 1)) },
    };
  };
}

/**
 * Of the parsed parameters, so that a client decides neither on their form nor, by blanks that mean nothing, on their
 * length: a proxy fails a response whose headers it has no room for.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8288 Web Linking
 */
function pageLinks(path: string, query: ListQuery, last: number): string {
  const { page } = query;
  const linkTo = (rel: string, number: number) =>
    `<${path}${queryOf({ ...query, page: number })}>; rel="${rel}"`;
  return [
    linkTo('first', 1),
    ...(page > 1 ? [linkTo('prev', Math.min(page - 1, last))] : []),
    ...(page < last ? [linkTo('next', page + 1)] : []),
    linkTo('last', last),
  ].join(', ');
}

/** The parameters as a client would write them: without those that say what they say anyway. */
function queryOf({ page, pageSize, sort, ...conditions }: ListQuery): string {
  const parameters = new URLSearchParams();
  if (pageSize !== Number(PAGE_SIZE)) parameters.set('pageSize', String(pageSize));
  parameters.set('page', String(page));
  for (const [name, value] of Object.entries(conditions)) if (value) parameters.set(name, value);
  if (sort !== SORT) parameters.set('sort', sort);
  return `?${parameters.toString()}`;
}
