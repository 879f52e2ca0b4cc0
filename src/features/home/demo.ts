import express, { Router } from 'express';
import * as v from 'valibot';
import { HttpError } from '../../errors.ts';
import { route, wrap } from '../../platform/http/index.ts';
import { assertCookieCanBeSent, logIn, logOut } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { credentials } from '../account/index.ts';
import type { UserDirectory } from '../account/users.ts';
import { changesSchema } from '../companies/company.ts';
import type { CompanyRepository } from '../companies/repository.ts';

/** Far more than a person does. */
const LOGINS = { name: 'demo-login', points: 30, perSeconds: 60 };

export interface DemoParts {
  readonly users: UserDirectory;
  readonly companies: CompanyRepository;
}

/**
 * The start page's forms in a browser without JavaScript, which sends forms by POST alone; with JavaScript, public/app.js
 * calls the API. For development only.
 */
export function demoForms(toolkit: Toolkit, { users, companies }: DemoParts): Router {
  const { session, requireUser, csrf, stores } = toolkit;
  const form = express.urlencoded({ extended: false, limit: '10kb' });
  const login = wrap(async (req, res) => {
    assertCookieCanBeSent(req);
    const { name, password } = v.parse(credentials, req.body);
    const user = await users.verify(name, password);
    if (!user) throw new HttpError('LOGIN_FAILED');
    await logIn(req, user);
    res.redirect(303, '/');
  });
  const logout = wrap(async (req, res) => {
    await logOut(req);
    res.redirect(303, '/');
  });
  const change = wrap(async (req, res) => {
    await companies
      .update(1, v.parse(changesSchema, req.body))
      .finally(() => stores.cache.purgeTag('companies'));
    res.redirect(303, '/#account');
  });

  const router = Router();
  route(router, '/login', { post: [csrf, toolkit.rateLimit(LOGINS), session, form, login] });
  route(router, '/logout', { post: [csrf, session, logout] });
  route(router, '/city', { post: [csrf, session, requireUser, form, change] });
  return router;
}
