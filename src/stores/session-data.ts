import type { SessionData } from 'express-session';
import type { Config } from '../config.ts';

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
  config: Pick<Config, 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'>,
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
