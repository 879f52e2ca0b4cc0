import { createHash } from 'node:crypto';
import { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import * as v from 'valibot';
import { HttpError } from '../../errors.ts';
import { strictObject } from '../../platform/config/index.ts';
import { sameName } from './users-setting.ts';
import {
  clientAddress,
  currentLog,
  normalizeError,
  route,
  storeUnavailable,
  wrap,
} from '../../platform/http/index.ts';
import { assertCookieCanBeSent, logIn, logOut, sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { MAX_PASSWORD_LENGTH } from './password.ts';
import type { UserDirectory } from './users.ts';

/** Of one address, whatever names it tries: an office behind one address must get through in the morning. */
const PER_ADDRESS = { name: 'login-address', points: 100, perSeconds: 15 * 60 };

/** Of one address for one name. A log in that succeeds gives them back. */
const PER_USER = { name: 'login-user', points: 5, perSeconds: 15 * 60 };

/** What a client logs in with. */
export const credentials = strictObject({
  name: v.pipe(
    v.string(),
    v.nonEmpty('must not be empty'),
    v.maxCodePoints(256, 'must have at most 256 characters'),
    v.regex(/^\P{Cc}*$/u, 'must not have control characters'),
  ),
  password: v.pipe(
    v.string(),
    v.nonEmpty('must not be empty'),
    v.maxCodePoints(MAX_PASSWORD_LENGTH, `must have at most ${MAX_PASSWORD_LENGTH} characters`),
  ),
});

type Credentials = v.InferOutput<typeof credentials>;

/** `/api/session`: POST logs in, GET says who is logged in, DELETE logs out. */
export function account(toolkit: Toolkit, users: UserDirectory): Router {
  const { session, requireUser, csrf, json } = toolkit;
  const perAddress = toolkit.rateLimit(PER_ADDRESS);
  const perUser = toolkit.rateLimit({ ...PER_USER, key: nameAndAddress });

  const begin = wrap(async (req, res) => {
    // A limit may have waited for Redis and found it gone; checking a password would be for nothing.
    if (toolkit.stores.isUp() === false) throw storeUnavailable();
    const { name, password } = req.body as Credentials;
    const user = await users.verify(name, password);
    if (!user) throw new HttpError('LOGIN_FAILED');
    await logIn(req, user);
    await perUser.reset(req);
    currentLog(toolkit.logger).info({ userId: user.id }, 'logged in');
    res.status(201).json({ user });
  });

  const router = Router();
  router.use(noStore);
  route(router, '/', {
    // The limits come before the password is checked: a check that is not counted is a guess for free.
    post: [csrf, perAddress, session, sessionPossible, json, readCredentials, perUser, begin],
    get: [session, requireUser, whoAmI],
    delete: [csrf, session, wrap(end)],
  });
  router.use(countFailures(toolkit));
  return router;
}

const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};

const sessionPossible: RequestHandler = (req, _res, next) => {
  assertCookieCanBeSent(req);
  next();
};

const readCredentials: RequestHandler = (req, _res, next) => {
  req.body = v.parse(credentials, req.body);
  next();
};

const whoAmI: RequestHandler = (req, res) => {
  res.json({ user: sessionOf(req)?.user });
};

async function end(req: Request, res: Response): Promise<void> {
  await logOut(req);
  res.status(204).end();
}

/** A hash, because names may be long and have any character, and need not stand in Redis. */
function nameAndAddress(req: Request): string {
  const { name } = req.body as Credentials;
  const who = createHash('sha256').update(sameName(name).toLowerCase()).digest('base64url');
  return `${who}:${clientAddress(req)}`;
}

/** Counts log-ins that failed by their error's code. */
function countFailures({ metrics }: Toolkit): ErrorRequestHandler {
  return (thrown: unknown, req, _res, next) => {
    if (req.method === 'POST') {
      metrics.loginFailures.inc({ reason: normalizeError(thrown).code.toLowerCase() });
    }
    next(thrown);
  };
}
