import type { Company, CompanyChanges } from './company.ts';

/** Where companies are kept. Handlers use this interface only, so that the store can be replaced. */
export interface CompanyRepository {
  /** All of them, by id. */
  list(): Promise<readonly Company[]>;
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

  constructor(seed: readonly Company[]) {
    this.#companies = new Map(seed.map((company) => [company.id, company]));
  }

  list(): Promise<readonly Company[]> {
    return Promise.resolve([...this.#companies.values()]);
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
    return Promise.resolve(updated);
  }
}
