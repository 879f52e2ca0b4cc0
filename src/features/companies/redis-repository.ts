import * as v from 'valibot';
import type { RedisClient } from '../../stores/redis-client.ts';
import { isRedisAway, isWrongType } from '../../stores/redis-errors.ts';
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
 * - While Redis is away, reads answer with what this process saw last, or with the seed. Writes fail.
 * - Every command has one key, so it works on a Cluster. Commands of one batch are sent without waiting for each
 *   other's answers, which is all that a pipeline is; ioredis' own `pipeline()` refuses keys of several nodes.
 */
export class RedisCompanies implements CompanyRepository {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #seed: readonly Company[];
  readonly #lastSeen: Map<number, Company>;
  #seeding: Promise<void> | undefined;

  /** @param options.prefix - in front of every key. */
  constructor(redis: RedisClient, seed: readonly Company[], { prefix }: { prefix: string }) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#seed = seed;
    this.#lastSeen = new Map(seed.map((company) => [company.id, company]));
  }

  async list(): Promise<readonly Company[]> {
    const companies: Company[] = [];
    for await (const company of this.rows()) companies.push(company);
    return companies;
  }

  async *rows(): AsyncGenerator<Company> {
    const ids = await orElse(() => this.#ids(), undefined);
    if (!ids) {
      yield* this.#lastSeen.values();
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
    return orElse(() => this.#read(id), this.#lastSeen.get(id));
  }

  async #read(id: number): Promise<Company | undefined> {
    const company = await this.#fetch(id);
    if (company) return company;
    // An unknown id, or a Redis without its data. Asked again either way: another process may just have written it.
    if (!(await this.#redis.exists(this.#idsKey()))) await this.#writeSeed();
    return this.#fetch(id);
  }

  async #fetch(id: number): Promise<Company | undefined> {
    const hash = this.#redis.hgetall(this.#companyKey(id));
    const company = toCompany(await hash.catch(noneIfWrongType));
    if (company) this.#lastSeen.set(id, company);
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

async function orElse<T>(read: () => Promise<T>, fallback: T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isRedisAway(error)) return fallback;
    throw error;
  }
}
