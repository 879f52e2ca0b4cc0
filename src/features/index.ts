import type { IRouter } from 'express';
import type { Toolkit } from '../toolkit.ts';
import { account } from './account/index.ts';
import { createUsers } from './account/users.ts';
import { companies } from './companies/index.ts';
import { openCompanies } from './companies/open.ts';
import { demoForms } from './home/demo.ts';
import { home } from './home/index.ts';
import { todos } from './todos/index.ts';

/** What features have opened, for the jobs. */
export type Opened = Awaited<ReturnType<typeof features>>;

/**
 * The table of contents: every feature and where it is mounted. Add yours here; docs/add-a-route.md shows how.
 *
 * @param router - the app itself: a router between the two would cost each request a microsecond.
 */
export async function features(router: IRouter, toolkit: Toolkit) {
  const users = createUsers(toolkit);
  router.use('/api/session', account(toolkit, users));
  router.use('/api/todos', todos(toolkit));
  const repository = await openCompanies(toolkit);
  router.use('/api', companies(toolkit, repository));
  // router.use('/api/orders', orders(toolkit));
  if (users.demo) router.use('/demo', demoForms(toolkit, { users, companies: repository }));
  router.use('/', home(toolkit, { demo: users.demo, companies: repository }));
  return {
    companies: repository,
  };
}
