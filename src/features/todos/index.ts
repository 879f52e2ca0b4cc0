import { Router, type Request, type RequestHandler } from 'express';
import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';
import { HttpError } from '../../errors.ts';
import { type Endpoint, endpoint, route, storeUnavailable } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';

/** A session is read from the store as a whole: keep what it holds small. */
const MAX_TODOS = 20;

const text = v.pipe(
  v.string(),
  v.maxCodePoints(200, 'must have at most 200 characters'),
  v.trim(),
  v.nonEmpty('must not be empty'),
);

/** `/api/todos`: a list for each visitor, kept in the session. The first example: copy it to begin a feature. */
export function todos({ csrf, json, rateLimit, session }: Toolkit): Router {
  const limit = rateLimit({ name: 'todos', points: 60, perSeconds: 60 });
  const list = endpoint({
    summary: 'Your to-do list',
    guards: [session],
    responses: { 200: { description: 'The list', schema: v.strictObject({ items: v.array(v.string()) }) } },
    handler: (req, res) => res.json({ items: sessionFor(req).todos ?? [] }),
  });
  const add = endpoint({
    summary: 'Add to the list',
    guards: [csrf, limit, session, json],
    body: strictObject({ text }),
    responses: {
      201: { description: 'Its number', schema: v.strictObject({ number: v.number(), text: v.string() }) },
    },
    errors: ['CONFLICT'],
    handler: (req, res, { body: { text } }) => {
      const session = sessionFor(req);
      const items = session.todos ?? [];
      if (items.length >= MAX_TODOS) throw new HttpError('CONFLICT', { detail: 'The list is full.' });
      session.todos = [...items, text];
      res.status(201).json({ number: items.length + 1, text });
    },
  });
  const router = Router();
  route(router, '/', { get: list, post: add });
  route(router, '/:number', { delete: remove([csrf, session]) });
  return router;
}

function remove(guards: RequestHandler[]): Endpoint {
  return endpoint({
    summary: 'Remove from the list',
    guards,
    params: v.object({ number: v.string() }),
    responses: { 204: { description: 'Removed' } },
    errors: ['NOT_FOUND'],
    handler: (req, res, { params: { number } }) => {
      const session = sessionFor(req);
      const items = session.todos ?? [];
      const left = items.filter((_text, index) => String(index + 1) !== number);
      if (left.length === items.length) throw new HttpError('NOT_FOUND');
      session.todos = left;
      res.status(204).end();
    },
  });
}

/** @throws 503 while the store is away: then a request has no session. */
function sessionFor(req: Request) {
  const session = sessionOf(req);
  if (!session) throw storeUnavailable();
  return session;
}
