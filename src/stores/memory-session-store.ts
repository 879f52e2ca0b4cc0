import { Store, type SessionData } from 'express-session';
import { LRUCache } from 'lru-cache';
import type { Config } from '../config.ts';
import { readSession, sessionAges, type SessionAges } from './session-data.ts';

export interface MemorySessionStoreOptions {
  readonly config: Pick<Config, 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'>;
  /** How many sessions are kept; beyond it the one unused for longest is forgotten. */
  readonly max?: number;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** A session is a few hundred bytes, so this is a few megabytes. */
const MAX_SESSIONS = 10_000;

/**
 * Sessions in this process's memory: for development and for single processes that may forget them. Unlike
 * express-session's MemoryStore it is bounded and lets sessions end. Keeps JSON, as Redis does, so that what works
 * here works there.
 */
export class MemorySessionStore extends Store {
  readonly #sessions: LRUCache<string, string>;
  readonly #ages: SessionAges;
  /** Session objects that are in the store already. */
  readonly #stored = new WeakSet<object>();

  constructor({ config, max = MAX_SESSIONS, now }: MemorySessionStoreOptions) {
    super();
    this.#ages = sessionAges(config, now);
    this.#sessions = new LRUCache({ max });
  }

  override get(sid: string, callback: (error: unknown, data?: SessionData) => void): void {
    const json = this.#sessions.get(sid);
    const data = json === undefined ? undefined : readSession(json);
    if (data && this.#ages.isOver(data)) {
      this.#sessions.delete(sid);
      callback(null);
      return;
    }
    callback(null, data);
  }

  override createSession(...args: Parameters<Store['createSession']>) {
    const session = super.createSession(...args);
    this.#stored.add(session);
    return session;
  }

  /** As in Redis: what was read is written only if it is still there, or it would undo a log out. */
  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    if (!this.#stored.has(data) || this.#sessions.has(sid)) {
      this.#stored.add(data);
      const ttl = Math.max(this.#ages.secondsLeft(data), 1) * 1000;
      this.#sessions.set(sid, JSON.stringify(data), { ttl });
    }
    callback?.();
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#sessions.delete(sid);
    callback?.();
  }
}
