import { createHash } from 'node:crypto';
import { Router, type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import * as v from 'valibot';
import { HttpError } from '../../errors.ts';
import { strictObject } from '../../platform/config/index.ts';
import { sameName } from './users-setting.ts';
import {
  clientAddress,
  currentLog,
  type Endpoint,
  endpoint,
  guard,
  normalizeError,
  route,
  storeUnavailable,
} from '../../platform/http/index.ts';
import { assertCookieCanBeSent, logIn, logOut, sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { MAX_PASSWORD_LENGTH } from './password.ts';
import type { UserDirectory } from './users.ts';

/** Of one address, whatever names it tries: an office behind one address must get through in the morning. */
const PER_ADDRESS = { name: 'login-address', points: 100, perSeconds: 15 * 60 };

/** Of one address for one name. A login that succeeds gives them back. */
const PER_USER = { name: 'login-user', points: 5, perSeconds: 15 * 60 };

/** What a client logs in with. */
export const credentials = strictObject({
  name: v.pipe(text(256), v.regex(/^\P{Cc}*$/u, 'must not have control characters')),
  password: text(MAX_PASSWORD_LENGTH),
});

function text(max: number) {
  const message = `must have at most ${max} characters`;
  return v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxCodePoints(max, message));
}

const loggedIn = v.strictObject({ user: v.strictObject({ id: v.string(), name: v.string() }) });

/** `/api/session`: POST logs in, GET returns who is logged in, DELETE logs out. */
export function account(toolkit: Toolkit, users: UserDirectory): Router {
  const { session, requireUser, csrf, json } = toolkit;
  const perAddress = toolkit.rateLimit(PER_ADDRESS);
  const perUser = toolkit.rateLimit({ ...PER_USER, key: nameAndAddress });
  const begin = endpoint({
    summary: 'Log in',
    // The limits come before the password is checked: a check that is not counted is a guess for free.
    guards: [csrf, perAddress, session, sessionPossible, json, perUser],
    body: credentials,
    responses: { 201: { description: 'The user, and the cookie of the session', schema: loggedIn } },
    errors: ['LOGIN_FAILED'],
    handler: async (req, res, { body: { name, password } }) => {
      // A limit may have waited for Redis and found it gone; then checking a password is of no use.
      if (toolkit.stores.isUp() === false) throw storeUnavailable();
      const user = await users.verify(name, password);
      if (!user) throw new HttpError('LOGIN_FAILED');
      await logIn(req, user);
      await perUser.reset(req);
      currentLog(toolkit.logger).info({ userId: user.id }, 'logged in');
      res.status(201).json({ user });
    },
  });
  const end = endpoint({
    summary: 'Log out',
    guards: [csrf, session],
    responses: { 204: { description: 'Logged out' } },
    handler: async (req, res) => {
      await logOut(req);
      res.status(204).end();
    },
  });

  const router = Router();
  router.use(noStore);
  route(router, '/', { post: begin, get: whoAmI([session, requireUser]), delete: end });
  router.use(countFailures(toolkit));
  return router;
}

const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};

const sessionPossible = guard(
  (req, _res, next) => {
    assertCookieCanBeSent(req);
    next();
  },
  ['HTTPS_REQUIRED'],
);

function whoAmI(guards: RequestHandler[]): Endpoint {
  return endpoint({
    summary: 'Who is logged in',
    guards,
    responses: { 200: { description: 'The user', schema: loggedIn } },
    handler: (req, res) => res.json({ user: sessionOf(req)?.user }),
  });
}

/** A hash, because a name may be long, and need not be readable in Redis. */
function nameAndAddress(req: Request): string {
  const { name } = v.parse(credentials, req.body);
  const who = createHash('sha256').update(sameName(name).toLowerCase()).digest('base64url');
  return `${who}:${clientAddress(req)}`;
}

/** Counts failed logins by the code of their error. */
function countFailures({ metrics }: Toolkit): ErrorRequestHandler {
  return (thrown: unknown, req, _res, next) => {
    const reason = normalizeError(thrown).code.toLowerCase();
    if (req.method === 'POST') metrics.loginFailures.inc({ reason });
    next(thrown);
  };
}
