import { createHash, randomUUID } from 'node:crypto';
import type { RedisClient } from '../redis/client.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { MAX_LIFETIME_SECONDS } from './cache.ts';
import { decode, type Entry } from './entry.ts';
import { claim, type Lock } from './lock.ts';

/** Versions outlive every entry, by an hour for loads that were under way. */
const VERSION_SECONDS = MAX_LIFETIME_SECONDS + 60 * 60;

/** After a command that timed out, Redis is not asked for this time, in milliseconds: one request waits, not all. */
const PAUSE_MS = 1000;

/** Redis carries out one command at a time: a larger entry would hold up all others. */
const MAX_ENTRY_BYTES = 8 * 1024 * 1024;

/** Counts up when the layout of an entry changes, so that old and new processes do not read each other's. */
const LAYOUT = 1;

/** What a purge names: a key, or a tag. The same text may be both. */
export const keyName = (key: string): string => `k:${key}`;
export const tagName = (tag: string): string => `t:${tag}`;

/** The channel of purges. */
export const channelOf = (prefix: string): string => `${prefix}cache:${LAYOUT}:purge`;

export interface Found {
  readonly entry: Entry | undefined;
  /** The current versions of the key and the tags. */
  readonly stamp: string;
}

/**
 * The entries that all processes share, in Redis. Nothing here fails: `undefined` means that Redis is away.
 *
 * A purge deletes no tagged entries; it gives its key or tag a new version. An entry is valid only while the versions it
 * was loaded under are the current ones, so a load that began before a purge cannot bring old data back.
 * Each command names one key, so that all of it works on a Redis Cluster.
 */
export class SharedEntries {
  readonly #redis: RedisConnection;
  readonly #prefix: string;
  #pausedUntil = -Infinity;

  constructor(redis: RedisConnection, prefix: string) {
    this.#redis = redis;
    this.#prefix = `${prefix}cache:${LAYOUT}:`;
    redis.onChange(() => {
      this.#pausedUntil = -Infinity;
    });
  }

  /** @param names - what the entry may be purged by: its key first, then its tags. */
  async find(key: string, [own = '', ...tags]: readonly string[]): Promise<Found | undefined> {
    return this.#attempt(async (client) => {
      const [bytes, ...versions] = await Promise.all([
        client.getBuffer(this.#entry(key)),
        client.get(this.#version(own)),
        ...tags.map((tag) => this.#tagVersion(client, tag)),
      ]);
      const stamp = versions.map((version) => version ?? '').join('.');
      const entry = bytes ? decode(bytes) : undefined;
      return { entry: entry?.stamp === stamp && Date.now() < entry.staleUntil ? entry : undefined, stamp };
    });
  }

  /** Stores an entry until it is no longer even stale. */
  async store(key: string, names: readonly string[], entry: Entry, bytes: Buffer): Promise<void> {
    const lifetimeMs = entry.staleUntil - Date.now();
    if (lifetimeMs < 1 || bytes.length > MAX_ENTRY_BYTES) return;
    await this.#attempt((client) =>
      Promise.all([
        client.set(this.#entry(key), bytes, 'PX', Math.ceil(lifetimeMs)),
        ...names.slice(1).map((tag) => client.expire(this.#version(tag), VERSION_SECONDS)),
      ]),
    );
  }

  /** Each version has a lock of its own: a load from before a purge must not hold up the one after it. */
  async claim(key: string, stamp: string): Promise<Lock | 'busy' | 'failed' | undefined> {
    return this.#attempt((client) => claim(client, `${this.#prefix}lock:${short(key)}:${stamp}`));
  }

  /**
   * Makes every entry of this name invalid.
   *
   * @throws what ioredis throws when Redis does not respond, or refuses.
   */
  async invalidate(name: string): Promise<void> {
    const { client } = this.#redis;
    await Promise.all([
      client.set(this.#version(name), randomUUID(), 'EX', VERSION_SECONDS),
      name.startsWith('k:') && client.unlink(this.#entry(name.slice(2))),
    ]);
  }

  #entry(key: string): string {
    return `${this.#prefix}entry:${short(key)}`;
  }

  #version(name: string): string {
    return `${this.#prefix}version:${short(name)}`;
  }

  /**
   * A tag has a version from its first use. If "none" were one, a version that Redis evicts or loses would bring back
   * every entry from before the tag's first purge. A key needs none: its purge deletes the entry.
   */
  async #tagVersion(client: RedisClient, tag: string): Promise<string> {
    const name = this.#version(tag);
    const version = await client.get(name);
    if (version) return version;
    await client.set(name, randomUUID(), 'EX', VERSION_SECONDS, 'NX');
    // Another process may have been first. If it is gone again, use one that matches nothing.
    return (await client.get(name)) ?? randomUUID();
  }

  async #attempt<T>(work: (client: RedisClient) => Promise<T>): Promise<T | undefined> {
    if (!this.#redis.isUp() || performance.now() < this.#pausedUntil) return undefined;
    try {
      return await work(this.#redis.client);
    } catch (error) {
      if ((error as Error).message === 'Command timed out') this.#pausedUntil = performance.now() + PAUSE_MS;
      return undefined;
    }
  }
}

/** Readable where possible; else a hash, so that neither length nor odd characters of a key reach Redis. */
function short(text: string): string {
  if (/^[\x21-\x7e]{1,200}$/.test(text)) return `=${text}`;
  // JSON, because UTF-8 writes different lone surrogates as the same bytes.
  return `#${createHash('sha256').update(JSON.stringify(text)).digest('base64url')}`;
}
