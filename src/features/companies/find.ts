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

/**
 * Sorted by one field; where that is equal, by id, so that a page has the same companies each time. Case and accents don't
 * count, and the order is the same on every host, whatever its locale is.
 */
export function sortCompanies(companies: readonly Company[], sort: Sort): Company[] {
  const field = sort.replace('-', '') as (typeof SORT_FIELDS)[number];
  const direction = sort.startsWith('-') ? -1 : 1;
  const { compare } = new Intl.Collator('en', { sensitivity: 'base', numeric: true });
  return companies.toSorted((a, b) => direction * compare(String(a[field]), String(b[field])) || a.id - b.id);
}

/** "São Paulo" and "sao paulo" become the same. */
function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
