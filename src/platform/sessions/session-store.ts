import { callbackify } from 'node:util';
import { Store, type SessionData } from 'express-session';
import * as v from 'valibot';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { outageLog } from '../observability/outage-log.ts';

declare module 'express-session' {
  /** What the platform itself keeps in a session. `src/session.ts` declares yours. */
  interface SessionData {
    /** Who is logged in; `logIn` sets it. */
    user?: { id: string; name: string };
    /** When it was first stored, in milliseconds since 1970; its absolute age counts from here. */
    createdAt?: number;
    /** When it was last used, give or take what `isDue` allows; its idle age counts from here. */
    seenAt?: number;
  }
}

/** Where sessions are stored: as JSON, by their ids. */
export interface SessionStorage {
  read(id: string): Promise<string | undefined>;
  write(id: string, write: SessionWrite): Promise<void>;
  remove(id: string): Promise<void>;
  /** Calls back when the storage goes away and when it is back. Memory never does. */
  onChange?(listener: (up: boolean) => void): void;
}

export interface SessionWrite {
  /**
   * - `create`: it is new.
   * - `replace`: its data was changed. Only where it still exists, or a request would undo a logout.
   * - `touch`: it was used and not changed. Only over `from`, or it would undo what another request changed meanwhile.
   */
  readonly kind: 'create' | 'replace' | 'touch';
  readonly json: string;
  /** The JSON that the request read; empty for a new session. */
  readonly from: string;
  /** Until it ends if nobody uses it. */
  readonly seconds: number;
}

export interface SessionStoreOptions {
  readonly storage: SessionStorage;
  /** Your fields (`src/session.ts`). A stored session that does not match is as good as none. */
  readonly fields: v.GenericSchema;
  readonly config: Pick<PlatformConfig, 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'>;
  readonly logger: Logger;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

type Done = (error?: unknown) => void;
const ignore: Done = () => undefined;

/** express-session's store: ends sessions by their ages, and never brings an ended one back. */
export class SessionStore extends Store {
  readonly #options: Required<SessionStoreOptions>;
  /** When a session ends, and when its use is to be recorded. */
  readonly ages: ReturnType<typeof sessionAges>;
  readonly #log;
  /** The JSON of each session in use, as the storage has it. */
  readonly #stored = new WeakMap<object, string>();

  constructor(options: SessionStoreOptions) {
    super();
    this.#options = { now: Date.now, ...options };
    this.ages = sessionAges(options.config, this.#options.now);
    this.#log = outageLog(options.logger, {
      failed: 'cannot read sessions; requests go on without one',
      worked: 'sessions can be read again',
    });
    // express-session then responds at once, rather than after a command that times out.
    options.storage.onChange?.((up) => this.emit(up ? 'connect' : 'disconnect'));
  }

  override get(id: string, callback: (error: unknown, data?: SessionData) => void): void {
    this.#read(id).then(
      (data) => {
        this.#log.worked();
        callback(null, data);
      },
      (error: unknown) => {
        this.#log.failed(error);
        callback(error);
      },
    );
  }

  override createSession(...[req, data]: Parameters<Store['createSession']>) {
    const session = super.createSession(req, data);
    this.#stored.set(session, this.#stored.get(data) ?? '');
    return session;
  }

  override set(id: string, session: SessionData, callback: Done = ignore): void {
    callbackify(() => this.#write(id, session))(callback);
  }

  override destroy(id: string, callback: Done = ignore): void {
    callbackify(() => this.#options.storage.remove(id))(callback);
  }

  async #read(id: string): Promise<SessionData | undefined> {
    const { storage, fields } = this.#options;
    const json = (await storage.read(id)) ?? '';
    const data = readSession(json, fields);
    if (data) this.#stored.set(data, json);
    if (!data || this.ages.secondsLeft(data) > 0) return data;
    await storage.remove(id);
    return undefined;
  }

  async #write(id: string, session: SessionData): Promise<void> {
    const write = this.#plan(session);
    await this.#options.storage.write(id, write);
    this.#stored.set(session, write.json);
  }

  /** What saving this session means; it counts as a use of the session. */
  #plan(session: SessionData): SessionWrite {
    const from = this.#stored.get(session);
    const before = from ? (JSON.parse(from) as SessionData) : undefined;
    const isSame = before !== undefined && contentOf(before) === contentOf(session);
    const seenAt = this.#options.now();
    const written = { createdAt: seenAt, ...(isSame ? before : session), seenAt };
    return {
      kind: from === undefined ? 'create' : isSame ? 'touch' : 'replace',
      json: JSON.stringify(written),
      from: from ?? '',
      // Not below 1: where it ends during the request, the next one finds it ended.
      seconds: Math.max(1, this.ages.secondsLeft(written)),
    };
  }
}

type Times = Required<Pick<SessionData, 'createdAt' | 'seenAt'>>;

/** A session in use is written this often at most, so that most requests only read it. */
const SEEN_EVERY_MS = 5 * 60_000;

/**
 * The two ages of SESSION_IDLE_MINUTES and SESSION_ABSOLUTE_HOURS. Use is recorded every tenth of the idle time at most,
 * so an unused session ends after 90 to 100 % of it.
 */
export function sessionAges(config: SessionStoreOptions['config'], now: () => number) {
  const idleMs = config.SESSION_IDLE_MINUTES * 60_000;
  const absoluteMs = config.SESSION_ABSOLUTE_HOURS * 3_600_000;
  return {
    /** Whether a request should record that the session is in use. */
    isDue: ({ seenAt = Infinity }: Partial<Times>) => now() - seenAt >= Math.min(idleMs / 10, SEEN_EVERY_MS),
    /** Whole seconds until it ends if nobody uses it; 0 or less when it has ended. */
    secondsLeft: ({ createdAt, seenAt }: Times) =>
      Math.ceil((Math.min(seenAt + idleMs, createdAt + absoluteMs) - now()) / 1000),
  };
}

const date = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text))),
);

/** What express-session can go on with; it throws on any other cookie in the middle of a response. */
const ownFields = v.object({
  cookie: v.objectWithRest(
    { originalMaxAge: v.nullish(v.number()), expires: v.nullish(date), maxAge: v.optional(v.never()) },
    v.nullish(v.union([v.string(), v.number(), v.boolean()])),
  ),
  createdAt: v.number(),
  seenAt: v.number(),
  user: v.optional(v.object({ id: v.string(), name: v.string() })),
});

/** A session from its JSON; undefined if it is none: a stray value under its key must cost a login, not a 500. */
export function readSession(json: string, fields: v.GenericSchema): (SessionData & Times) | undefined {
  try {
    const data: unknown = JSON.parse(json);
    return v.is(ownFields, data) && v.is(fields, data) ? (data as SessionData & Times) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The data, and the flags and the age of the cookie ("stay logged in"). Not the cookie's end, which moves with time; and
 * the age in whole seconds, because express-session derives it from that end, and a millisecond may have passed.
 */
function contentOf(session: SessionData): string {
  // Its own JSON: a cookie in use is an object with accessors, and has express-session's defaults.
  const stored = JSON.parse(JSON.stringify(session.cookie)) as { originalMaxAge?: number | null };
  const originalMaxAge = Math.ceil((stored.originalMaxAge ?? 0) / 1000);
  const cookie = { path: '/', httpOnly: true, ...stored, originalMaxAge, expires: undefined };
  const times = { createdAt: undefined, seenAt: undefined };
  return JSON.stringify({ ...session, ...times, cookie: Object.entries(cookie).sort() });
}
