import type { SessionData } from 'express-session';
import type { PlatformConfig } from '../config/settings.ts';

declare module 'express-session' {
  /** What a session holds. Add your fields here; whatever JSON can hold survives the store. */
  interface SessionData {
    /** Who is logged in; `logIn` sets it. */
    user?: { id: string; name: string };
    /** How often the start page was seen. */
    visits?: number;
    /** When the session began, in milliseconds since 1970; its absolute age counts from here. */
    createdAt: number;
    /** When it was last used, give or take what `isDue` allows; its idle age counts from here. */
    seenAt: number;
  }
}

type Times = Pick<SessionData, 'createdAt' | 'seenAt'>;

/** How old a session may get. */
export interface SessionAges {
  /** Whether it has been unused for too long, or is too old. */
  isOver(times: Times): boolean;
  /** Whether a request should write down that the session is in use. */
  isDue(times: Times): boolean;
  /** Whole seconds until it is over if nobody uses it; 0 or less when it is. */
  secondsLeft(times: Times): number;
}

/** A session in use is written this often at most, so that an ordinary request only reads it. */
const SEEN_EVERY_MS = 5 * 60_000;

/**
 * The two ages of SESSION_IDLE_MINUTES and SESSION_ABSOLUTE_HOURS. Since use is noted every tenth of the idle time
 * only, a session that is left alone ends after 90 to 100 % of it.
 *
 * @param now - the clock, in milliseconds since 1970.
 */
export function sessionAges(
  config: Pick<PlatformConfig, 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'>,
  now: () => number = Date.now,
): SessionAges {
  const idleMs = config.SESSION_IDLE_MINUTES * 60_000;
  const absoluteMs = config.SESSION_ABSOLUTE_HOURS * 3_600_000;
  const dueMs = Math.min(idleMs / 10, SEEN_EVERY_MS);
  const msLeft = ({ createdAt, seenAt }: Times) => Math.min(seenAt + idleMs, createdAt + absoluteMs) - now();
  return {
    isOver: (times) => msLeft(times) <= 0,
    isDue: ({ seenAt }) => now() - seenAt >= dueMs,
    secondsLeft: (times) => Math.ceil(msLeft(times) / 1000),
  };
}

/** A session from its JSON; undefined if it isn't one: a stray value under its key must cost a log in, not a 500. */
export function readSession(json: string): SessionData | undefined {
  try {
    const data = JSON.parse(json) as Partial<SessionData> | null;
    const isWhole =
      typeof data?.createdAt === 'number' && typeof data.seenAt === 'number' && isCookie(data.cookie);
    return isWhole ? (data as SessionData) : undefined;
  } catch {
    return undefined;
  }
}

/** What saving a session has to do in the store. */
export interface SessionWrite {
  /**
   * - `create`: it is new.
   * - `replace`: something in it was changed. Only if it is still there, or a request would undo a logout.
   * - `touch`: it was used and not changed. Only over `from`, or it would undo what another request changed meanwhile.
   */
  readonly kind: 'create' | 'replace' | 'touch';
  readonly json: string;
  /** As the store had it; undefined for a new one. */
  readonly from: string | undefined;
  readonly times: Times;
}

/** Remembers how the store had each session that was read from it, and so what saving one means. */
export class SessionWrites {
  readonly #now: () => number;
  readonly #stored = new WeakMap<object, string>();

  /** @param now - the clock, in milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The session in this JSON; undefined if it isn't one. */
  read(json: string): SessionData | undefined {
    const data = readSession(json);
    if (data) this.#stored.set(data, json);
    return data;
  }

  /** `session` is made of `data`, which came from the store. */
  loaded(session: object, data: object): void {
    this.#stored.set(session, this.#stored.get(data) ?? '');
  }

  /** The store has it like this now. */
  saved(session: object, json: string): void {
    this.#stored.set(session, json);
  }

  /** What saving this session means now; it counts as a use of the session. */
  plan(session: SessionData): SessionWrite {
    const from = this.#stored.get(session);
    if (from === undefined) return { kind: 'create', json: JSON.stringify(session), from, times: session };
    const before = readSession(from);
    const isSame = before && contentOf(before) === contentOf(session);
    const written = { ...(isSame ? before : session), seenAt: this.#now() };
    return { kind: isSame ? 'touch' : 'replace', json: JSON.stringify(written), from, times: written };
  }
}

/**
 * What requests put into it: its data, and the flags and the age of its cookie ("stay logged in"). Not the cookie's end,
 * which moves with time; and the age in whole seconds, because express-session works it out from that end, and a
 * millisecond may have passed.
 */
function contentOf(session: SessionData): string {
  // Its own JSON: a cookie in use is an object with accessors, and has express-session's defaults.
  const stored = JSON.parse(JSON.stringify(session.cookie)) as { originalMaxAge?: number | null };
  const originalMaxAge = Math.ceil((stored.originalMaxAge ?? 0) / 1000);
  const cookie = { path: '/', httpOnly: true, ...stored, originalMaxAge, expires: undefined };
  return JSON.stringify({ ...session, cookie: Object.entries(cookie).sort(), seenAt: undefined });
}

/** Whether express-session can go on with it; it throws on any other in the middle of an answer. */
function isCookie(cookie: unknown): boolean {
  if (typeof cookie !== 'object' || cookie === null || 'maxAge' in cookie) return false;
  const { originalMaxAge, expires } = cookie as { originalMaxAge?: unknown; expires?: unknown };
  const isFlat = Object.values(cookie).every((value) => typeof value !== 'object' || value === null);
  return isFlat && typeof (originalMaxAge ?? 0) === 'number' && (!expires || isDate(expires));
}

function isDate(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
