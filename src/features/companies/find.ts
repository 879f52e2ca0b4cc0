import type { Company } from './company.ts';

/** What a company must fulfil to be found; an absent condition asks nothing. */
export interface Conditions {
  /** A part of the name, the city or the sector; case and accents don't count. */
  readonly q?: string | undefined;
  readonly country?: string | undefined;
  /** The whole sector; case and accents don't count. */
  readonly sector?: string | undefined;
  /** Years, not included. */
  readonly foundedAfter?: number | undefined;
  readonly foundedBefore?: number | undefined;
}

export const SORT_FIELDS = ['id', 'name', 'country', 'city', 'sector', 'founded'] as const;

/** A field, with a minus in front for descending. */
export type Sort = (typeof SORT_FIELDS)[number] | `-${(typeof SORT_FIELDS)[number]}`;

let collator: Intl.Collator | undefined;

/**
 * Case and accents don't count, and the same order on every host, whatever its locale is. Made when first asked for: it
 * takes 10 ms.
 */
function collate(a: string, b: string): number {
  collator ??= new Intl.Collator('en', { sensitivity: 'base', numeric: true });
  return collator.compare(a, b);
}

/** The companies that fulfil all conditions, in the order they came. */
export function filterCompanies(companies: readonly Company[], conditions: Conditions): Company[] {
  const { country, foundedAfter = -Infinity, foundedBefore = Infinity } = conditions;
  const q = fold(conditions.q ?? '');
  const sector = conditions.sector && fold(conditions.sector);
  return companies.filter(
    (company) =>
      (!country || company.country === country) &&
      (!sector || fold(company.sector) === sector) &&
      company.founded > foundedAfter &&
      company.founded < foundedBefore &&
      (!q || [company.name, company.city, company.sector].some((text) => fold(text).includes(q))),
  );
}

/** Sorted by one field; where that is equal, by id, so that a page has the same companies each time. */
export function sortCompanies(companies: readonly Company[], sort: Sort): Company[] {
  const descending = sort.startsWith('-');
  const field = (descending ? sort.slice(1) : sort) as (typeof SORT_FIELDS)[number];
  return companies.toSorted((a, b) => {
    const order = compare(a[field], b[field]);
    return (descending ? -order : order) || a.id - b.id;
  });
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collate(String(a), String(b));
}

/** "São Paulo" and "sao paulo" become the same. */
function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
