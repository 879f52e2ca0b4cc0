import { promisify } from 'node:util';
import type { Request, RequestHandler } from 'express';
import session, { type SessionData } from 'express-session';
import type { PlatformConfig } from '../config/settings.ts';
import { HttpError, storeUnavailable } from '../http/errors.ts';
import { guard } from '../http/guard.ts';
import { currentLog } from '../http/middleware/request-context.ts';
import { SessionStore, type SessionStoreOptions } from './session-store.ts';

declare module 'http' {
  interface IncomingMessage {
    /** The name of this app's session cookie, behind `sessions`. */
    sessionCookieName?: string;
  }
}

/** The session's cookie. `SESSION_COOKIE_SECURE` says whether it is for HTTPS only; scripts never read it. */
export interface SessionCookie {
  /** The proxies in deploy/ recognize a name that ends in `sid`. */
  readonly name: string;
  /** `lax` keeps a login where another site links here; `strict` does not; `none` sends it with other sites' requests. */
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** For all subdomains of it as well. Unset: for this host alone. */
  readonly domain?: string;
}

export interface SessionOptions extends SessionStoreOptions {
  readonly cookie: SessionCookie;
  readonly config: Pick<
    PlatformConfig,
    'SESSION_SECRETS' | 'SESSION_COOKIE_SECURE' | 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'
  >;
}

/**
 * Gives requests `req.session`; read it with `sessionOf`. Without a cookie it is a new one, which is stored once
 * something is put into it. While the storage is away there is none, and the request goes on.
 *
 * What a handler changes is saved at the end of the response, too late to report a failure: await `saveSession` where
 * that matters.
 */
export function sessions(options: SessionOptions): RequestHandler {
  const { config, cookie, logger, now = Date.now } = options;
  const name = sessionCookieName(cookie, config.SESSION_COOKIE_SECURE);
  const store = new SessionStore(options);
  const load = session({
    store,
    // The first signs, all verify: add a new secret in front, and remove the old one when its sessions have ended.
    secret: [...config.SESSION_SECRETS],
    name,
    cookie: {
      path: '/',
      httpOnly: true,
      sameSite: cookie.sameSite,
      ...(cookie.domain !== undefined && { domain: cookie.domain }),
      secure: config.SESSION_COOKIE_SECURE,
      maxAge: config.SESSION_IDLE_MINUTES * 60_000,
    },
    resave: false,
    saveUninitialized: false,
    rolling: false,
  });
  return (req, res, next) => {
    let called = false;
    req.sessionCookieName = name;
    // A response for one user must not stay in a cache that others share. A handler may set another value.
    if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'private, no-cache');
    load(req, res, (error?: unknown) => {
      if (called) {
        // The response is out already: passing the error on would cut its connection.
        if (error) currentLog(logger).warn({ err: error }, 'cannot save a session');
        return;
      }
      called = true;
      const current = sessionOf(req);
      if (error) dropSession(req);
      // Renews the cookie; the store writes the time alone.
      else if (current && store.ages.isDue(current)) current.seenAt = now();
      next();
    });
  };
}

/**
 * The cookie's name: browsers accept a `__Host-` cookie only over HTTPS, for one host and with Path=/, and a `__Secure-` one
 * only over HTTPS. So nobody on the network can plant one, and with `__Host-` no subdomain can.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
 */
export function sessionCookieName({ name, domain }: SessionCookie, secure: boolean): string {
  if (!secure) return name;
  return domain === undefined ? `__Host-${name}` : `__Secure-${name}`;
}

/** The request's session; undefined while its storage is away. */
export function sessionOf(req: Request): Request['session'] | undefined {
  return req.session;
}

/**
 * Lets logged-in users pass. Mount it behind `sessions`.
 *
 * @throws {HttpError} LOGIN_REQUIRED, or STORE_UNAVAILABLE while sessions cannot be read.
 */
export function requireUser(): RequestHandler {
  const check: RequestHandler = (req, _res, next) => {
    if (!presentSession(req).user) throw new HttpError('LOGIN_REQUIRED');
    next();
  };
  return guard(check, ['LOGIN_REQUIRED']);
}

/**
 * Logs a user in: under a new session id, so that one planted before the login is worthless, and stored when the
 * promise resolves. express-session alone would respond with 200 even if storing fails.
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
    // Or the error's response would come with the cookie of a session that may not exist.
    dropSession(req);
    throw error;
  }
}

/**
 * Ends the session on the server, and only then removes the cookie.
 *
 * @throws {HttpError} STORE_UNAVAILABLE: the session continues.
 */
export async function logOut(req: Request): Promise<void> {
  const current = presentSession(req);
  const { secure, sameSite, domain } = current.cookie;
  await promisify(current.destroy.bind(current))();
  req.res?.clearCookie(req.sessionCookieName ?? '', {
    path: '/',
    httpOnly: true,
    secure: secure === true,
    ...(sameSite !== undefined && { sameSite }),
    ...(domain !== undefined && { domain }),
  });
}

/** Stores the session now, for changes that the response must be able to rely on. */
export async function saveSession(req: Request): Promise<void> {
  const current = presentSession(req);
  await promisify(current.save.bind(current))();
}

/**
 * Browsers accept a secure cookie only over HTTPS; express-session would silently send none.
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

function presentSession(req: Request): Request['session'] {
  const current = sessionOf(req);
  if (!current) throw storeUnavailable();
  return current;
}

function dropSession(req: Request): void {
  Reflect.deleteProperty(req, 'session');
}
