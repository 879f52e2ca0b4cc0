import { createHash } from 'node:crypto';

/** What a purge calls: a key, or a tag. The same text may be both. */
export const keyName = (key: string): string => `k:${key}`;
export const tagName = (tag: string): string => `t:${tag}`;

/** Counts up when the layout of an entry changes, so that old and new processes don't read each other's. */
const LAYOUT = 1;

/** The names of the cache's keys in Redis. */
export class RedisNames {
  readonly #prefix: string;
  /** Purges are published here, as JSON strings. */
  readonly channel: string;

  constructor(prefix: string) {
    this.#prefix = `${prefix}cache:${LAYOUT}:`;
    this.channel = `${this.#prefix}purge`;
  }

  entry(key: string): string {
    return `${this.#prefix}entry:${short(key)}`;
  }

  version(name: string): string {
    return `${this.#prefix}version:${short(name)}`;
  }

  /** Another version is another load: what began before a purge must not hold up what comes after it. */
  lock(key: string, stamp: string): string {
    return `${this.#prefix}lock:${short(key)}:${stamp}`;
  }
}

/** Readable where it can be; else a hash, so that neither length nor odd characters of a key reach Redis. */
function short(text: string): string {
  if (/^[\x21-\x7e]{1,200}$/.test(text)) return `=${text}`;
  // JSON, because UTF-8 writes different lone surrogates as the same bytes.
  return `#${createHash('sha256').update(JSON.stringify(text)).digest('base64url')}`;
}
