import * as v from 'valibot';
import { isRedisAway, isWrongType, type RedisClient } from '../../platform/redis/index.ts';
import { companySchema, type Company, type CompanyChanges } from './company.ts';
import type { CompanyRepository } from './repository.ts';

/** How many companies are asked for at a time. */
const BATCH = 50;

/**
 * Companies in Redis: a hash each (`company:7`), and a set of the ids (`companies`).
 *
 * - The first read that finds no set writes the seed. HSETNX leaves what is there, so that many workers may do this
 *   at once, and none undoes a later change; the set comes last, so that it exists only where the data is whole.
 *   A Redis that comes back empty is filled again in the same way.
 * - While Redis is away, reads respond with what this process saw last, or with the seed; but with an error where a
 *   change is known that it has not seen. A process that can't hear of changes either shows them when Redis is back.
 *   Writes fail.
 * - Every command has one key, so it works on a Cluster. Commands of one batch are sent without waiting for each
 *   other's answers, which is all that a pipeline is; ioredis' own `pipeline()` refuses keys of several nodes.
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
    const ids = await orElse(
      () => this.#ids(),
      (error) => {
        this.#assertCurrent([...this.#lastSeen.values()], error);
        return undefined;
      },
    );
    if (!ids) {
      for (const { company } of this.#lastSeen.values()) yield company;
      return;
    }
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = await Promise.all(ids.slice(start, start + BATCH).map((id) => this.#readOrLastSeen(id)));
      for (const company of batch) if (company) yield company;
    }
  }

  async get(id: number): Promise<Company | undefined> {
    return this.#readOrLastSeen(id);
  }

  async update(id: number, changes: CompanyChanges): Promise<Company | undefined> {
    if (!(await this.#read(id))) return undefined;
    // Only what changes: of two updates of different fields at the same time, both stay.
    await this.#redis.hset(this.#companyKey(id), changes);
    return this.#read(id);
  }

  #readOrLastSeen(id: number): Promise<Company | undefined> {
    return orElse(
      () => this.#read(id),
      (error) => {
        const seen = this.#lastSeen.get(id);
        if (seen) this.#assertCurrent([seen], error);
        return seen?.company;
      },
    );
  }

  /** @throws the error that made this a fallback, where a change was made after it was seen. */
  #assertCurrent(seen: readonly Seen[], error: unknown): void {
    const changedAt = this.#changedAt();
    if (seen.some(({ at }) => at < changedAt)) throw error;
  }

  async #read(id: number): Promise<Company | undefined> {
    const company = await this.#fetch(id);
    if (company) return company;
    // An unknown id, or a Redis without its data. Asked again either way: another process may just have written it.
    if (!(await this.#redis.exists(this.#idsKey()))) await this.#writeSeed();
    return this.#fetch(id);
  }

  async #fetch(id: number): Promise<Company | undefined> {
    const at = performance.now();
    const hash = this.#redis.hgetall(this.#companyKey(id));
    const company = toCompany(await hash.catch(noneIfWrongType));
    if (company && at > (this.#lastSeen.get(id)?.at ?? -Infinity)) this.#lastSeen.set(id, { company, at });
    return company;
  }

  async #ids(): Promise<number[]> {
    const ids = await this.#redis.smembers(this.#idsKey());
    if (ids.length > 0) return ids.map(Number).sort((a, b) => a - b);
    await this.#writeSeed();
    return this.#seed.map(({ id }) => id);
  }

  /** Once at a time: the first requests after a start come together. */
  #writeSeed(): Promise<void> {
    this.#seeding ??= this.#writeMissingCompanies().finally(() => {
      this.#seeding = undefined;
    });
    return this.#seeding;
  }

  async #writeMissingCompanies(): Promise<void> {
    for (let start = 0; start < this.#seed.length; start += BATCH) {
      await Promise.all(this.#seed.slice(start, start + BATCH).map((company) => this.#writeMissing(company)));
    }
    await this.#redis.sadd(this.#idsKey(), ...this.#seed.map(({ id }) => id));
  }

  async #writeMissing(company: Company): Promise<void> {
    const key = this.#companyKey(company.id);
    const fields = Object.entries(company);
    await Promise.all(fields.map(([field, value]) => this.#redis.hsetnx(key, field, value)));
  }

  #companyKey(id: number): string {
    return `${this.#prefix}company:${id}`;
  }

  #idsKey(): string {
    return `${this.#prefix}companies`;
  }
}

interface Seen {
  readonly company: Company;
  /** `performance.now()` when reading it began. */
  readonly at: number;
}

/** Redis knows strings only. undefined: there is no such hash, or a part of it is missing. */
function toCompany(hash: Record<string, string>): Company | undefined {
  const values = { ...hash, id: Number(hash.id), founded: Number(hash.founded) };
  const { success, output } = v.safeParse(companySchema, values);
  return success ? output : undefined;
}

/** A key that somebody else has put there must not take the other companies along. */
function noneIfWrongType(error: unknown): Record<string, string> {
  if (isWrongType(error)) return {};
  throw error;
}

async function orElse<T>(read: () => Promise<T>, fallback: (error: unknown) => T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isRedisAway(error)) return fallback(error);
    throw error;
  }
}
