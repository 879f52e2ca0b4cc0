import * as v from 'valibot';
import { isRedisAway, isWrongType, type RedisClient } from '../../platform/redis/index.ts';
import { companySchema, type Company, type CompanyChanges } from './company.ts';
import type { CompanyRepository } from './repository.ts';

/** How many companies are asked for at a time. */
const BATCH = 50;

/**
 * Companies in Redis: a hash each (`company:7`), and a set of the ids (`companies`).
 *
 * - The first read that finds no set writes the seed. HSETNX leaves what is there: many workers may write it at once, and
 *   none undoes a later change. The set comes last, so that it exists only where the data is whole.
 * - While Redis is away, reads return what this process saw last, or the seed; but fail where a change is known that it
 *   has not seen. Writes fail.
 * - Every command has one key, so it works on a Cluster. Commands of one batch are sent without waiting for each
 *   other's responses, which is all that a pipeline is; ioredis' own `pipeline()` refuses keys of several nodes.
 */
export class RedisCompanies implements CompanyRepository {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #seed: readonly Company[];
  readonly #lastSeen: Map<number, Seen>;
  readonly #changedAt: () => number;
  #seeding: Promise<void> | undefined;

  /**
   * @param options.prefix - in front of every key.
   * @param options.changedAt - when companies were last changed, as far as this process knows: `performance.now()`.
   */
  constructor(
    redis: RedisClient,
    seed: readonly Company[],
    { prefix, changedAt = () => -Infinity }: { prefix: string; changedAt?: () => number },
  ) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#seed = seed;
    this.#changedAt = changedAt;
    this.#lastSeen = new Map(seed.map((company) => [company.id, { company, at: -Infinity }]));
  }

  async list(): Promise<readonly Company[]> {
    const companies: Company[] = [];
    for await (const company of this.rows()) companies.push(company);
    return companies;
  }

  async *rows(): AsyncGenerator<Company> {
    const ids = await this.#ids().catch((error: unknown) => {
      this.#assertCurrent([...this.#lastSeen.values()], error);
      return undefined;
    });
    if (!ids) {
      for (const { company } of this.#lastSeen.values()) yield company;
      return;
    }
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = await Promise.all(ids.slice(start, start + BATCH).map((id) => this.get(id)));
      for (const company of batch) if (company) yield company;
    }
  }

  get(id: number): Promise<Company | undefined> {
    return this.#read(id).catch((error: unknown) => {
      const seen = this.#lastSeen.get(id);
      this.#assertCurrent(seen ? [seen] : [], error);
      return seen?.company;
    });
  }

  async update(id: number, changes: CompanyChanges): Promise<Company | undefined> {
    if (!(await this.#read(id))) return undefined;
    // Only what changes: of two updates of different fields at the same time, both stay.
    await this.#redis.hset(this.#companyKey(id), changes);
    return this.#read(id);
  }

  /** @throws the error, unless Redis is away and no change is known that was made after these were seen. */
  #assertCurrent(seen: readonly Seen[], error: unknown): void {
    const changedAt = this.#changedAt();
    if (!isRedisAway(error) || seen.some(({ at }) => at < changedAt)) throw error;
  }

  async #read(id: number): Promise<Company | undefined> {
    const company = await this.#fetch(id);
    if (company) return company;
    // An unknown id, or a Redis without its data. Read again in both cases: another process may just have written it.
    if (!(await this.#redis.exists(this.#idsKey))) await this.#writeSeed();
    return this.#fetch(id);
  }

  async #fetch(id: number): Promise<Company | undefined> {
    const at = performance.now();
    const company = toCompany(await this.#redis.hgetall(this.#companyKey(id)).catch(noneIfWrongType));
    if (company && at > (this.#lastSeen.get(id)?.at ?? -Infinity)) this.#lastSeen.set(id, { company, at });
    return company;
  }

  async #ids(): Promise<number[]> {
    const ids = await this.#redis.smembers(this.#idsKey);
    if (ids.length > 0) return ids.map(Number).sort((a, b) => a - b);
    await this.#writeSeed();
    return this.#seed.map(({ id }) => id);
  }

  /** Once at a time: the first requests after a start come together. */
  #writeSeed(): Promise<void> {
    this.#seeding ??= this.#writeMissing().finally(() => {
      this.#seeding = undefined;
    });
    return this.#seeding;
  }

  async #writeMissing(): Promise<void> {
    for (const company of this.#seed) {
      const key = this.#companyKey(company.id);
      const fields = Object.entries(company);
      await Promise.all(fields.map(([field, value]) => this.#redis.hsetnx(key, field, value)));
    }
    await this.#redis.sadd(this.#idsKey, ...this.#seed.map(({ id }) => id));
  }

  #companyKey(id: number): string {
    return `${this.#prefix}company:${id}`;
  }

  get #idsKey(): string {
    return `${this.#prefix}companies`;
  }
}

interface Seen {
  readonly company: Company;
  /** `performance.now()` when reading it began. */
  readonly at: number;
}

/** Redis holds strings only. undefined: there is no such hash, or a part of it is missing. */
function toCompany(hash: Record<string, string>): Company | undefined {
  const values = { ...hash, id: Number(hash.id), founded: Number(hash.founded) };
  const { success, output } = v.safeParse(companySchema, values);
  return success ? output : undefined;
}

/** A key with another value must not take the other companies along. */
function noneIfWrongType(error: unknown): Record<string, string> {
  if (isWrongType(error)) return {};
  throw error;
}
