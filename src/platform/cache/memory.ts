import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.ts';

/** An entry in this process, and when it was last known to be right, in `performance.now()` milliseconds. */
export interface Held {
  readonly entry: Entry;
  readonly verifiedAt: number;
  /** What it may be purged by: its key and its tags. */
  readonly names: readonly string[];
}

/** What an entry takes beside its value and its key, as measured: objects, its slots in the maps below, its names. */
const ENTRY_BYTES = 1500;

/** The entries of this process: the least recently used go when they take more than `maxBytes` together. */
export class MemoryEntries {
  readonly #entries: LRUCache<string, Held>;
  /** The keys that a name stands for, so that a purge need not look at every entry. */
  readonly #keysByName = new Map<string, Set<string>>();

  constructor(maxBytes: number) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (held, key) => ENTRY_BYTES + held.entry.bytes + 4 * key.length,
      dispose: (held, key) => {
        this.#forget(held, key);
      },
    });
  }

  get(key: string): Held | undefined {
    return this.#entries.get(key);
  }

  set(key: string, held: Held): void {
    this.#entries.set(key, held);
    // An entry larger than the whole cache is not stored.
    if (!this.#entries.has(key)) return;
    for (const name of held.names) {
      const keys = this.#keysByName.get(name);
      if (keys) keys.add(key);
      else this.#keysByName.set(name, new Set([key]));
    }
  }

  purge(name: string): void {
    for (const key of [...(this.#keysByName.get(name) ?? [])]) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  #forget(held: Held, key: string): void {
    for (const name of held.names) {
      const keys = this.#keysByName.get(name);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysByName.delete(name);
    }
  }
}
