import { LRUCache } from 'lru-cache';
import * as v from 'valibot';
import { isRedisAway, isWrongType, type RedisClient } from '../../platform/redis/index.ts';
import { companySchema, type Company, type CompanyChanges } from './company.ts';
import { keyOf, keysOf, matcherOf, SORT_FIELDS, splitSort, type Keys, type Sort } from './find.ts';
import {
  MemoryCompanies,
  type CompanyQuery,
  type CompanyRepository,
  type FoundCompanies,
} from './repository.ts';

/** How many companies are read at a time. */
const BATCH = 50;

/** How many keys are read at a time by a search: a batch takes Redis and this process a millisecond or two. */
const SEARCH_BATCH = 1000;

/** How many of the last results are kept for when Redis is away: at most 20,000 companies, some 10 MB. */
const MAX_LAST_SEEN = 200;

/**
 * Writes companies and their places in the sorted sets. Redis runs a script as a whole: no process sees half of a change,
 * and of two changes of different fields at the same time, both stay.
 *
 * KEYS: the sort keys of all; a sorted set per sort field, that of the ids first; the companies. ARGV: `seed` or `update`;
 * the sort fields; per company its padded id, the values of its fields, their sort keys, and those it has if none are stored
 * (`known`). It does nothing where a seed finds companies, or an update finds none. Redis does not undo what a script did
 * before it failed: so all types are checked first.
 */
const WRITE = `
local isSeed = ARGV[1] == 'seed'
local fields = cjson.decode(ARGV[2])
local first = 1 + #fields
if redis.call('EXISTS', KEYS[isSeed and 2 or first + 1]) == (isSeed and 1 or 0) then return end
for i, key in ipairs(KEYS) do
  local kind, expected = redis.call('TYPE', key).ok, (i == 1 or i > first) and 'hash' or 'zset'
  if kind ~= 'none' and kind ~= expected then
    if i <= first then return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. expected) end
    KEYS[i] = false
  end
end
for i, company in ipairs(cjson.decode(ARGV[3])) do
  local keys = cjson.decode(redis.call('HGET', KEYS[1], company.id) or company.known)
  if KEYS[first + i] then
    for field, value in pairs(company.values) do redis.call('HSET', KEYS[first + i], field, value) end
  end
  for at, field in ipairs(fields) do
    local old, new = keys[field], company.keys[field]
    if new and new ~= old then
      if old then redis.call('ZREM', KEYS[1 + at], old .. '\\0' .. company.id) end
      redis.call('ZADD', KEYS[1 + at], 0, new .. '\\0' .. company.id)
      keys[field] = new
    end
  end
  redis.call('HSET', KEYS[1], company.id, cjson.encode(keys))
end`;

/**
 * Companies in Redis: a hash each (`{companies}:7`), a sorted set of the ids per sort field (`{companies}:by:name`), and a
 * hash with what a search looks at (`{companies}:keys`). The braces keep all of it on one node of a Cluster.
 *
 * - A page costs the same whether there are a hundred companies or a hundred thousand. With conditions all keys are read,
 *   a batch at a time: where that takes too long, a database with an index takes the place of this class.
 * - The first read that finds no companies writes the seed.
 * - While Redis is away, a read that was made before returns what it returned last, unless a change is known since then. A
 *   process that has read nothing yet returns the seed. All else fails.
 */
export class RedisCompanies implements CompanyRepository {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #seed: readonly Company[];
  readonly #fallback: MemoryCompanies;
  readonly #lastSeen = new LRUCache<string, Seen>({ max: MAX_LAST_SEEN });
  readonly #changedAt: () => number;
  #hasRead = false;
  #seeding: Promise<unknown> | undefined;

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
    this.#prefix = `${prefix}{companies}:`;
    this.#seed = seed;
    this.#fallback = new MemoryCompanies(seed);
    this.#changedAt = changedAt;
  }

  page(query: CompanyQuery): Promise<FoundCompanies> {
    const read = async () => {
      const matches = matcherOf(query.conditions);
      const { ids, total } = matches ? await this.#search(query, matches) : await this.#slice(query);
      return { items: await this.#readAll(ids), total };
    };
    return this.#orLastSeen(JSON.stringify(query), read, () => this.#fallback.page(query));
  }

  async *rows(): AsyncGenerator<Company> {
    for await (const ids of this.#batches('id', BATCH)) yield* await this.#readAll(ids);
  }

  get(id: number): Promise<Company | undefined> {
    return this.#orLastSeen(
      String(id),
      () => this.#read(id),
      () => this.#fallback.get(id),
    );
  }

  async update(id: number, changes: CompanyChanges): Promise<Company | undefined> {
    const company = await this.#read(id);
    if (!company) return undefined;
    await this.#write('update', [{ ...changes, id }], JSON.stringify(keysOf(company)));
    return this.#read(id);
  }

  /** @throws the error of `read`, unless Redis is away and no change is known that was made after the last result. */
  async #orLastSeen<T extends Seen['value']>(
    key: string,
    read: () => Promise<T>,
    fallBack: () => Promise<T>,
  ): Promise<T> {
    const at = performance.now();
    try {
      const value = await read();
      this.#hasRead = true;
      if (value !== undefined && at > (this.#lastSeen.peek(key)?.at ?? -Infinity))
        this.#lastSeen.set(key, { value, at });
      return value;
    } catch (error) {
      const seen = this.#lastSeen.get(key);
      if (!isRedisAway(error) || (seen?.at ?? -Infinity) < this.#changedAt()) throw error;
      if (seen) return seen.value as T;
      // The seed beside companies of Redis would be older than what was shown already.
      if (this.#hasRead) throw error;
      return fallBack();
    }
  }

  async #slice({ sort, offset, limit }: CompanyQuery): Promise<{ ids: number[]; total: number }> {
    const read = () => Promise.all([this.#ids(sort, offset, limit), this.#redis.zcard(this.#indexKey('id'))]);
    // Another process may write the seed between the two commands.
    const isNothing = ([ids, total]: Awaited<ReturnType<typeof read>>) =>
      total === 0 || (ids.length === 0 && offset < total);
    const [ids, total] = await this.#seeded(read, isNothing);
    return { ids, total };
  }

  async #search(
    { sort, offset, limit }: CompanyQuery,
    matches: (keys: Keys) => boolean,
  ): Promise<{ ids: number[]; total: number }> {
    // A Set, because a company that changes meanwhile may come twice.
    const found = new Set<number>();
    for await (const ids of this.#batches(sort, SEARCH_BATCH)) {
      const texts = await this.#redis.hmget(this.#keysKey, ...ids.map(keyOf));
      for (const [at, id] of ids.entries()) {
        const text = texts[at];
        if (text && matches(JSON.parse(text) as Keys)) found.add(id);
      }
    }
    return { ids: [...found].slice(offset, offset + limit), total: found.size };
  }

  async *#batches(sort: Sort, size: number): AsyncGenerator<number[]> {
    let ids = await this.#seeded(
      () => this.#ids(sort, 0, size),
      ({ length }) => length === 0,
    );
    for (let offset = size; ids.length > 0; offset += size) {
      yield ids;
      ids = ids.length < size ? [] : await this.#ids(sort, offset, size);
    }
  }

  async #ids(sort: Sort, offset: number, limit: number): Promise<number[]> {
    const { field, isDescending } = splitSort(sort);
    const range = [this.#indexKey(field), String(offset), String(offset + limit - 1)] as const;
    const members = isDescending ? this.#redis.zrange(...range, 'REV') : this.#redis.zrange(...range);
    return (await members).map((member) => Number(member.slice(member.lastIndexOf('\0') + 1)));
  }

  /** In this order, without those that are not whole. */
  async #readAll(ids: readonly number[]): Promise<Company[]> {
    const companies = await Promise.all(ids.map((id) => this.#fetch(id)));
    return companies.filter((company) => company !== undefined);
  }

  #read(id: number): Promise<Company | undefined> {
    return this.#seeded(
      () => this.#fetch(id),
      (company) => company === undefined,
    );
  }

  async #fetch(id: number): Promise<Company | undefined> {
    return toCompany(await this.#redis.hgetall(this.#companyKey(id)).catch(noneIfWrongType));
  }

  /**
   * What was asked for; where that is nothing, perhaps because Redis is without its data, once more after the seed was
   * written, or another process has just written it.
   */
  async #seeded<T>(read: () => Promise<T>, isNothing: (found: T) => boolean): Promise<T> {
    const found = await read();
    if (!isNothing(found)) return found;
    if (!(await this.#redis.exists(this.#indexKey('id')))) {
      // Once at a time: the first requests after a start come together.
      this.#seeding ??= this.#writeSeed().finally(() => {
        this.#seeding = undefined;
      });
      await this.#seeding;
    }
    return read();
  }

  /** What a company has already stays, where the sets alone were lost. */
  async #writeSeed(): Promise<void> {
    const companies = this.#seed.map(async (company) => {
      const hash = await this.#redis.hgetall(this.#companyKey(company.id)).catch(noneIfWrongType);
      return toCompany({ ...company, ...hash }) ?? company;
    });
    await this.#write('seed', await Promise.all(companies));
  }

  #write(
    kind: 'seed' | 'update',
    companies: readonly ({ readonly id: number } & CompanyChanges)[],
    known = '{}',
  ): Promise<unknown> {
    const keys = [
      this.#keysKey,
      ...SORT_FIELDS.map((field) => this.#indexKey(field)),
      ...companies.map(({ id }) => this.#companyKey(id)),
    ];
    const rows = companies.map((company) => ({
      id: keyOf(company.id),
      // Text, because Lua writes a large number with an exponent.
      values: Object.fromEntries(Object.entries(company).map(([field, value]) => [field, String(value)])),
      keys: keysOf(company),
      known,
    }));
    return this.#redis.eval(
      WRITE,
      keys.length,
      ...keys,
      kind,
      JSON.stringify(SORT_FIELDS),
      JSON.stringify(rows),
    );
  }

  #companyKey(id: number): string {
    return `${this.#prefix}${id}`;
  }

  #indexKey(field: string): string {
    return `${this.#prefix}by:${field}`;
  }

  get #keysKey(): string {
    return `${this.#prefix}keys`;
  }
}

interface Seen {
  readonly value: FoundCompanies | Company | undefined;
  /** `performance.now()` when reading it began. */
  readonly at: number;
}

/** Redis holds strings only. undefined: there is no such hash, or a part of it is missing. */
function toCompany(hash: Readonly<Record<string, string | number>>): Company | undefined {
  const values = { ...hash, id: Number(hash.id), founded: Number(hash.founded) };
  const { success, output } = v.safeParse(companySchema, values);
  return success ? output : undefined;
}

/** A key with another value must not take the other companies along. */
function noneIfWrongType(error: unknown): Record<string, string> {
  if (isWrongType(error)) return {};
  throw error;
}
