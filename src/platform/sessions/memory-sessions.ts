import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { SessionStorage, SessionWrite } from './session-store.ts';

/** A session is a few hundred bytes, so this is a few megabytes. */
const MAX_SESSIONS = 10_000;

/**
 * Sessions in this process's memory: for development, and for single processes that may lose them. Unlike
 * express-session's MemoryStore it is bounded, and sessions end.
 */
export class MemorySessions implements SessionStorage {
  readonly #sessions: LRUCache<string, string>;

  /** @param max - how many sessions are stored; beyond it the one unused for longest is removed. */
  constructor(max = MAX_SESSIONS) {
    this.#sessions = new LRUCache({ max });
  }

  read(id: string): Promise<string | undefined> {
    return Promise.resolve(this.#sessions.get(id));
  }

  write(id: string, { kind, json, from, seconds }: SessionWrite): Promise<void> {
    const stored = this.#sessions.get(id);
    const applies = { create: true, replace: stored !== undefined, touch: stored === from }[kind];
    if (applies) this.#sessions.set(id, json, { ttl: seconds * 1000 });
    return Promise.resolve();
  }

  remove(id: string): Promise<void> {
    this.#sessions.delete(id);
    return Promise.resolve();
  }

  /** Takes over the sessions that an earlier process saved. A file that does not exist or is damaged is ignored. */
  async load(file: string): Promise<void> {
    const json = await readFile(file, 'utf8').catch(() => '[]');
    try {
      this.#sessions.load(JSON.parse(json) as ReturnType<LRUCache<string, string>['dump']>);
    } catch {
      this.#sessions.clear();
    }
  }

  /** Saves them for `load`. Never rejects: where the file cannot be written, the sessions end with the process. */
  async save(file: string): Promise<void> {
    // Whole or not at all, and readable for this user only, even where an older file was not.
    const next = `${file}.${process.pid}`;
    await mkdir(dirname(file), { recursive: true })
      .then(() => writeFile(next, JSON.stringify(this.#sessions.dump()), { mode: 0o600 }))
      .then(() => rename(next, file))
      .catch(() => undefined);
  }
}
