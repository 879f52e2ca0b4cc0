import { Store, type SessionData } from 'express-session';
import { LRUCache } from 'lru-cache';
import type { PlatformConfig } from '../config/settings.ts';
import { sessionAges, SessionWrites, type SessionAges, type SessionWrite } from './session-data.ts';

export interface MemorySessionStoreOptions {
  readonly config: Pick<PlatformConfig, 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'>;
  /** How many sessions are kept; beyond it the one unused for longest is forgotten. */
  readonly max?: number;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** Ids, JSON and times to live. */
export type SessionDump = ReturnType<LRUCache<string, string>['dump']>;

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
  readonly #writes: SessionWrites;

  constructor({ config, max = MAX_SESSIONS, now }: MemorySessionStoreOptions) {
    super();
    this.#ages = sessionAges(config, now);
    this.#writes = new SessionWrites(now);
    this.#sessions = new LRUCache({ max });
  }

  override get(sid: string, callback: (error: unknown, data?: SessionData) => void): void {
    const json = this.#sessions.get(sid);
    const data = json === undefined ? undefined : this.#writes.read(json);
    if (data && this.#ages.isOver(data)) {
      this.#sessions.delete(sid);
      callback(null);
      return;
    }
    callback(null, data);
  }

  override createSession(...[req, data]: Parameters<Store['createSession']>) {
    const session = super.createSession(req, data);
    this.#writes.loaded(session, data);
    return session;
  }

  /** As in Redis: SessionWrite says what is written when. */
  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    const write = this.#writes.plan(data);
    const seconds = this.#ages.secondsLeft(write.times);
    if (seconds <= 0) this.#sessions.delete(sid);
    else if (applies(write, this.#sessions.get(sid))) {
      this.#sessions.set(sid, write.json, { ttl: seconds * 1000 });
      this.#writes.saved(data, write.json);
    }
    callback?.();
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#sessions.delete(sid);
    callback?.();
  }

  /** All sessions, for `restore` in another process. */
  dump(): SessionDump {
    return this.#sessions.dump();
  }

  restore(dump: SessionDump): void {
    this.#sessions.load(dump);
  }
}

function applies({ kind, from }: SessionWrite, stored: string | undefined): boolean {
  if (kind === 'create') return true;
  return kind === 'touch' ? stored === from : stored !== undefined;
}
