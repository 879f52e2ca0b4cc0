import { Router } from 'express';
import type { Toolkit } from '../http/toolkit.ts';
import { account } from './account/index.ts';
import { createUsers } from './account/users.ts';
import { companies } from './companies/index.ts';
import { openCompanies } from './companies/open.ts';
import { home } from './home/index.ts';

/**
 * The table of contents: every feature and where it is mounted. Add yours here; docs/add-a-route.md shows how.
 *
 * @param asset - makes the URL of a file in public/.
 */
export async function features(toolkit: Toolkit, asset: (name: string) => string): Promise<Router> {
  const users = createUsers(toolkit);
  const router = Router();
  router.use('/api/session', account(toolkit, users));
  router.use('/api', companies(toolkit, await openCompanies(toolkit)));
  router.use('/', home(toolkit, { asset, demo: users.demo }));
  // router.use('/api/orders', orders(toolkit));
  return router;
}
