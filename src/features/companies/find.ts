import type { Company, CompanyChanges } from './company.ts';

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

export type SortField = (typeof SORT_FIELDS)[number];

/** A field, with a minus in front for descending. */
export type Sort = SortField | `-${SortField}`;

/** What the fields of a company are sorted and searched by. */
export type Keys = Readonly<Record<SortField, string>>;

type CompanyPart = CompanyChanges & Partial<Pick<Company, 'id'>>;

/** Of a company, or of the fields that are given. */
export function keysOf(company: Company): Keys;
export function keysOf(company: CompanyPart): Partial<Keys>;
export function keysOf(company: CompanyPart): Partial<Keys> {
  const keys: Partial<Record<SortField, string>> = {};
  for (const field of SORT_FIELDS) {
    const value = company[field];
    if (value !== undefined) keys[field] = keyOf(value);
  }
  return keys;
}

/** Text without case and accents; a number of 16 digits, which sorts as a number does. */
export function keyOf(value: string | number): string {
  if (typeof value === 'number') return String(value).padStart(16, '0');
  return value.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

export function splitSort(sort: Sort): { readonly field: SortField; readonly isDescending: boolean } {
  return { field: sort.replace('-', '') as SortField, isDescending: sort.startsWith('-') };
}

/** undefined: there is no condition. Else a function that returns whether a company with these keys fulfils all of them. */
export function matcherOf(conditions: Conditions): ((keys: Keys) => boolean) | undefined {
  const { foundedAfter, foundedBefore } = conditions;
  const [q, country, sector] = [conditions.q, conditions.country, conditions.sector].map((text) =>
    keyOf(text ?? ''),
  );
  const tests: ((keys: Keys) => boolean)[] = [];
  if (country) tests.push((keys) => keys.country === country);
  if (sector) tests.push((keys) => keys.sector === sector);
  if (foundedAfter !== undefined) tests.push(({ founded }) => Number(founded) > foundedAfter);
  if (foundedBefore !== undefined) tests.push(({ founded }) => Number(founded) < foundedBefore);
  if (q) tests.push(({ name, city, sector }) => [name, city, sector].some((key) => key.includes(q)));
  return tests.length > 0 ? (keys) => tests.every((test) => test(keys)) : undefined;
}
