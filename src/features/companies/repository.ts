import type { Company, CompanyChanges } from './company.ts';
import {
  keysOf,
  matcherOf,
  splitSort,
  type Conditions,
  type Keys,
  type Sort,
  type SortField,
} from './find.ts';

/** A page of the companies that fulfil the conditions. */
export interface CompanyQuery {
  readonly conditions: Conditions;
  /** Where the field is equal, by id; descending, too, with a minus. */
  readonly sort: Sort;
  /** How many companies are left out in front of the page. */
  readonly offset: number;
  /** How many companies a page has, from 1 to 100. */
  readonly limit: number;
}

export interface FoundCompanies {
  readonly items: readonly Company[];
  /** On all pages. */
  readonly total: number;
}

/** Where companies are kept. Handlers use this interface only, so that the store can be replaced. */
export interface CompanyRepository {
  page(query: CompanyQuery): Promise<FoundCompanies>;
  /** One by one, by id, without holding all in memory: for exports. */
  rows(): AsyncIterable<Company> | Iterable<Company>;
  /** undefined: there is none with this id. */
  get(id: number): Promise<Company | undefined>;
  /**
   * Sets the fields that `changes` has and leaves the others; returns the company as it is then.
   *
   * @throws when the store is away: a write is never lost silently.
   */
  update(id: number, changes: CompanyChanges): Promise<Company | undefined>;
}

/** Companies in this process's memory: changes are gone when it ends, and other processes do not see them. */
export class MemoryCompanies implements CompanyRepository {
  readonly #companies: Map<number, Company>;
  /** Of all companies, made when first asked for, and again after a change. */
  readonly #sorted = new Map<SortField, readonly Row[]>();

  constructor(seed: readonly Company[]) {
    this.#companies = new Map(seed.map((company) => [company.id, company]));
  }

  page({ conditions, sort, offset, limit }: CompanyQuery): Promise<FoundCompanies> {
    const { field, isDescending } = splitSort(sort);
    const matches = matcherOf(conditions);
    const ascending = this.#sortedBy(field);
    const all = isDescending ? ascending.toReversed() : ascending;
    const found = matches ? all.filter(({ keys }) => matches(keys)) : all;
    const items = found.slice(offset, offset + limit).map(({ company }) => company);
    return Promise.resolve({ items, total: found.length });
  }

  rows(): ReturnType<CompanyRepository['rows']> {
    return this.#companies.values();
  }

  get(id: number): Promise<Company | undefined> {
    return Promise.resolve(this.#companies.get(id));
  }

  update(id: number, changes: CompanyChanges): Promise<Company | undefined> {
    const company = this.#companies.get(id);
    if (!company) return Promise.resolve(undefined);
    const updated: Company = Object.assign({ ...company }, changes);
    this.#companies.set(id, updated);
    this.#sorted.clear();
    return Promise.resolve(updated);
  }

  #sortedBy(field: SortField): readonly Row[] {
    const known = this.#sorted.get(field);
    if (known) return known;
    const rows = [...this.#companies.values()].map((company) => {
      const keys = keysOf(company);
      return { company, keys, bytes: Buffer.from(`${keys[field]}\0${keys.id}`) };
    });
    // By bytes, as Redis does: the order is the same on every host, whatever its locale is.
    const sorted = rows.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    this.#sorted.set(field, sorted);
    return sorted;
  }
}

interface Row {
  readonly company: Company;
  readonly keys: Keys;
}
