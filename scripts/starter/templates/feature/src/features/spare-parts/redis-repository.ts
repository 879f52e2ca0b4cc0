import type { RedisClient } from '../../platform/redis/index.ts';
import type { Page, SparePartRepository } from './repository.ts';
import { withChanges, type SparePart, type SparePartChanges } from './spare-part.ts';

// Scripts, because Redis runs each as a whole: no process sees half of a change.
const CREATE = `
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])`;

/** Only if it is what was read: else somebody has changed or deleted it meanwhile. */
const REPLACE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`;

const DELETE = `
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])`;

/**
 * Spare parts in Redis: each is JSON (`spare-parts:{owner}:id`), and each owner has a sorted set of ids by time
 * (`spare-parts:{owner}`). The braces keep all keys of an owner on one node of a Cluster.
 */
export class RedisSpareParts implements SparePartRepository {
  readonly #redis: RedisClient;
  readonly #prefix: string;

  /** @param options.prefix - in front of every key. */
  constructor(redis: RedisClient, { prefix }: { prefix: string }) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async create(sparePart: SparePart): Promise<void> {
    const { createdAt, id, owner } = sparePart;
    const keys = [this.#key(owner, id), this.#idsKey(owner)];
    await this.#redis.eval(CREATE, 2, ...keys, JSON.stringify(sparePart), Date.parse(createdAt), id);
  }

  async get(owner: string, id: string): Promise<SparePart | undefined> {
    const text = await this.#redis.get(this.#key(owner, id));
    return text === null ? undefined : parse(text);
  }

  async list(owner: string, { page, pageSize }: Page): ReturnType<SparePartRepository['list']> {
    const [first, last] = [(page - 1) * pageSize, page * pageSize - 1];
    const [ids, total] = await Promise.all([
      this.#redis.zrange(this.#idsKey(owner), String(first), String(last), 'REV'),
      this.#redis.zcard(this.#idsKey(owner)),
    ]);
    const texts = ids.length > 0 ? await this.#redis.mget(ids.map((id) => this.#key(owner, id))) : [];
    // null: deleted since the ids were read.
    return { items: texts.filter((text) => text !== null).map(parse), total };
  }

  async update(
    owner: string,
    id: string,
    changes: SparePartChanges,
  ): ReturnType<SparePartRepository['update']> {
    const key = this.#key(owner, id);
    const text = await this.#redis.get(key);
    if (text === null) return undefined;
    const updated = withChanges(parse(text), changes);
    if (updated === 'conflict') return updated;
    const isDone = await this.#redis.eval(REPLACE, 1, key, text, JSON.stringify(updated));
    return isDone ? updated : 'conflict';
  }

  async delete(owner: string, id: string): Promise<boolean> {
    const keys = [this.#key(owner, id), this.#idsKey(owner)];
    return (await this.#redis.eval(DELETE, 2, ...keys, id)) === 1;
  }

  #key(owner: string, id: string): string {
    return `${this.#idsKey(owner)}:${id}`;
  }

  /** Encoded, so that no owner's id has a brace or a colon. */
  #idsKey(owner: string): string {
    return `${this.#prefix}spare-parts:{${encodeURIComponent(owner)}}`;
  }
}

/** What an earlier version has stored lacks newer fields: give them a value here. */
function parse(text: string): SparePart {
  return JSON.parse(text) as SparePart;
}
