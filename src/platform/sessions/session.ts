import { promisify } from 'node:util';
import type { Request, RequestHandler } from 'express';
import session, { type Session, type SessionData, type Store } from 'express-session';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { sessionAges } from './session-data.ts';
import { currentLog } from '../http/middleware/request-context.ts';
import { HttpError, storeUnavailable } from '../http/errors.ts';

/** The cookie's name over plain HTTP, for development and closed networks. */
export const PLAIN_SESSION_COOKIE = 'sid';

/**
 * The cookie's name with SESSION_COOKIE_SECURE. Browsers take a cookie of this prefix only over HTTPS, without a
 * Domain and with Path=/, so that no subdomain and nobody on the network can plant one.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
 */
export const SECURE_SESSION_COOKIE = '__Host-sid';

export interface SessionOptions {
  readonly store: Store;
  readonly config: Pick<
    PlatformConfig,
    'SESSION_SECRETS' | 'SESSION_COOKIE_SECURE' | 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'
  >;
  readonly logger: Logger;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

export type CurrentSession = Session & Partial<SessionData>;

/**
 * Gives requests `req.session`; read it with `sessionOf`. Without a cookie it is a new one, which is stored when
 * something was put into it. While the store is away there is none, and the request goes on.
 *
 * What a handler changes is saved at the end of the answer, which then is too late to say that it failed: await
 * `saveSession` where that matters.
 */
export function sessions({ store, config, logger, now = Date.now }: SessionOptions): RequestHandler {
  const load = session({
    store,
    // The first signs, all verify: a new secret goes to the front and the old one out when its sessions have ended.
    secret: [...config.SESSION_SECRETS],
    name: sessionCookieName(config.SESSION_COOKIE_SECURE),
    cookie: {
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      secure: config.SESSION_COOKIE_SECURE,
      maxAge: config.SESSION_IDLE_MINUTES * 60_000,
    },
    resave: false,
    saveUninitialized: false,
    rolling: false,
  });
  const ages = sessionAges(config, now);
  stampNewSessions(store, now);
  return (req, res, next) => {
    let called = false;
    // What is answered for one user must not stay in a cache that others share. A handler may say otherwise.
    if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'private, no-cache');
    load(req, res, (error?: unknown) => {
      if (called) {
        // The answer is out already: passing the error on would cut its connection.
        if (error) currentLog(logger).warn({ err: error }, 'a session was not saved');
        return;
      }
      called = true;
      const current = sessionOf(req);
      if (error) dropSession(req);
      // Renews the cookie; the store writes the time alone (session-data.ts).
      else if (current && ages.isDue(current as SessionData)) current.seenAt = now();
      next();
    });
  };
}

/** Sets the times before express-session takes its picture of the new session, so that they alone don't make it stored. */
function stampNewSessions(store: Store, now: () => number): void {
  const generating = store as Store & { generate: (req: Request) => void };
  const generate = generating.generate;
  generating.generate = (req) => {
    generate(req);
    req.session.createdAt = req.session.seenAt = now();
  };
}

/** The name of the session cookie. */
export function sessionCookieName(secure: boolean): string {
  return secure ? SECURE_SESSION_COOKIE : PLAIN_SESSION_COOKIE;
}

/** The request's session; undefined while the store is away. */
export function sessionOf(req: Request): CurrentSession | undefined {
  return req.session;
}

/**
 * Lets logged-in users pass. Mount it behind `sessions`.
 *
 * @throws {HttpError} LOGIN_REQUIRED, or STORE_UNAVAILABLE while nobody can know who is logged in.
 */
export function requireUser(): RequestHandler {
  return (req, _res, next) => {
    if (!presentSession(req).user) throw new HttpError('LOGIN_REQUIRED');
    next();
  };
}

/**
 * Logs a user in: under a new session id, so that one planted before the login is worthless, and stored when the
 * promise resolves. express-session alone would answer 200 even if storing fails.
 *
 * @throws {HttpError} HTTPS_REQUIRED, STORE_UNAVAILABLE
 */
export async function logIn(req: Request, user: NonNullable<SessionData['user']>): Promise<void> {
  assertCookieCanBeSent(req);
  const old = presentSession(req);
  try {
    await promisify(old.regenerate.bind(old))();
    req.session.user = user;
    await saveSession(req);
  } catch (error) {
    // Or the error's answer would come with the cookie of a session that may not exist.
    dropSession(req);
    throw error;
  }
}

/**
 * Ends the session on the server, and only then takes the cookie away.
 *
 * @throws {HttpError} STORE_UNAVAILABLE: the session goes on.
 */
export async function logOut(req: Request): Promise<void> {
  const current = presentSession(req);
  const { secure, httpOnly, sameSite, path } = current.cookie;
  await promisify(current.destroy.bind(current))();
  const flags = { secure: secure === true, httpOnly: httpOnly ?? true, sameSite: sameSite ?? 'lax' };
  req.res?.clearCookie(sessionCookieName(flags.secure), { ...flags, path: path ?? '/' });
}

/** Stores the session now, for changes that the answer must be able to rely on. */
export async function saveSession(req: Request): Promise<void> {
  const current = presentSession(req);
  await promisify(current.save.bind(current))();
}

/**
 * A browser takes a secure cookie only over HTTPS; express-session would silently send none.
 *
 * @throws {HttpError} HTTPS_REQUIRED
 */
export function assertCookieCanBeSent(req: Request): void {
  if (!presentSession(req).cookie.secure || req.secure) return;
  throw new HttpError('HTTPS_REQUIRED', {
    detail:
      'The session cookie is for HTTPS only, and this request came without it. Behind a proxy that ends TLS, set ' +
      'TRUST_PROXY; to serve plain HTTP, set SESSION_COOKIE_SECURE=off.',
  });
}

function presentSession(req: Request): CurrentSession {
  const current = sessionOf(req);
  if (!current) throw storeUnavailable();
  return current;
}

function dropSession(req: Request): void {
  Reflect.deleteProperty(req, 'session');
}
