import { randomUUID } from 'node:crypto';
import { decode, type Entry } from './entry.ts';
import { claim, type Lock } from './lock.ts';
import type { RedisNames } from './names.ts';
import type { RedisClient } from '../redis/client.ts';
import type { RedisConnection } from '../redis/connection.ts';

/** ttl and stale together, in seconds: versions must outlive every entry. */
export const MAX_LIFETIME_SECONDS = 24 * 60 * 60;
/** An hour more, for loads that were under way. */
export const VERSION_SECONDS = MAX_LIFETIME_SECONDS + 60 * 60;

/** After a command that timed out, Redis is left alone for so long, in milliseconds: one request waits, not all. */
const REST_MS = 1000;

/** Redis carries out one command at a time: moving more than this would hold up everybody else's. */
const MAX_ENTRY_BYTES = 8 * 1024 * 1024;

export interface Found {
  readonly entry: Entry | undefined;
  /** The versions of the key and the tags right now. */
  readonly stamp: string;
}

/**
 * The entries all processes share, in Redis. Whatever Redis does, nothing here fails: `undefined` is "it is away".
 *
 * A purge deletes no entries; it gives its key or tag a new version. An entry counts only while the versions it was
 * loaded under are the current ones, so a load that began before a purge can't bring old data back.
 * Each command names one key, so that it all works on a Redis Cluster.
 */
export class SharedEntries {
  readonly #redis: RedisConnection;
  readonly #names: RedisNames;
  #restUntil = -Infinity;

  constructor(redis: RedisConnection, names: RedisNames) {
    this.#redis = redis;
    this.#names = names;
    redis.onChange(() => {
      this.#restUntil = -Infinity;
    });
  }

  /** @param names - what the entry may be purged by: its key first, then its tags. */
  async find(key: string, [own, ...tags]: readonly string[]): Promise<Found | undefined> {
    return this.#attempt(async (client) => {
      const [bytes, ...versions] = await Promise.all([
        client.getBuffer(this.#names.entry(key)),
        client.get(this.#names.version(own ?? '')),
        ...tags.map((tag) => this.#tagVersion(client, tag)),
      ]);
      const stamp = versions.map((version) => version ?? '').join('.');
      const entry = bytes ? decode(bytes) : undefined;
      return { entry: entry?.stamp === stamp && Date.now() < entry.staleUntil ? entry : undefined, stamp };
    });
  }

  /** Keeps an entry until it is no longer even stale. */
  async store(key: string, names: readonly string[], entry: Entry, bytes: Buffer): Promise<void> {
    const lifetimeMs = entry.staleUntil - Date.now();
    if (lifetimeMs < 1 || bytes.length > MAX_ENTRY_BYTES) return;
    await this.#attempt((client) =>
      Promise.all([
        client.set(this.#names.entry(key), bytes, 'PX', Math.ceil(lifetimeMs)),
        ...names.slice(1).map((tag) => client.expire(this.#names.version(tag), VERSION_SECONDS)),
      ]),
    );
  }

  async claim(key: string, stamp: string): Promise<Lock | 'busy' | 'failed' | undefined> {
    return this.#attempt((client) => claim(client, this.#names.lock(key, stamp)));
  }

  /**
   * A tag has a version from its first use. If "none" were one, a version that Redis evicts or loses would bring back
   * every entry from before the tag's first purge. A key needs none: its purge deletes the entry.
   */
  async #tagVersion(client: RedisClient, tag: string): Promise<string> {
    const name = this.#names.version(tag);
    const version = await client.get(name);
    if (version) return version;
    await client.set(name, randomUUID(), 'EX', VERSION_SECONDS, 'NX');
    // Another process may have been first. If it is gone again, one that matches nothing will do.
    return (await client.get(name)) ?? randomUUID();
  }

  async #attempt<T>(work: (client: RedisClient) => Promise<T>): Promise<T | undefined> {
    if (!this.#redis.isUp() || performance.now() < this.#restUntil) return undefined;
    try {
      return await work(this.#redis.client);
    } catch (error) {
      if ((error as Error).message === 'Command timed out') this.#restUntil = performance.now() + REST_MS;
      return undefined;
    }
  }
}
