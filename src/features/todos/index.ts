import { Router, type Request } from 'express';
import * as v from 'valibot';
import { strictObject } from '../../platform/config/index.ts';
import { HttpError } from '../../errors.ts';
import { route, storeUnavailable, wrap } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';

/** A session is read from the store as a whole: keep what it holds small. */
const MAX_TODOS = 20;

const newTodo = strictObject({
  text: v.pipe(
    v.string(),
    v.maxCodePoints(200, 'must have at most 200 characters'),
    v.trim(),
    v.nonEmpty('must not be empty'),
  ),
});

/** `/api/todos`: a list for each visitor, kept in the session. The first example: copy it to begin a feature. */
export function todos({ csrf, json, rateLimit, session }: Toolkit): Router {
  const limit = rateLimit({ name: 'todos', points: 60, perSeconds: 60 });
  const list = wrap((req, res) => {
    res.json({ items: sessionFor(req).todos ?? [] });
  });
  const add = wrap((req, res) => {
    const { text } = v.parse(newTodo, req.body);
    const session = sessionFor(req);
    const items = session.todos ?? [];
    if (items.length >= MAX_TODOS) throw new HttpError('CONFLICT', { detail: 'The list is full.' });
    session.todos = [...items, text];
    res.status(201).json({ number: items.length + 1, text });
  });
  const remove = wrap((req, res) => {
    const session = sessionFor(req);
    const items = session.todos ?? [];
    const left = items.filter((_text, index) => String(index + 1) !== req.params.number);
    if (left.length === items.length) throw new HttpError('NOT_FOUND');
    session.todos = left;
    res.status(204).end();
  });

  const router = Router();
  route(router, '/', { get: [session, list], post: [csrf, limit, session, json, add] });
  route(router, '/:number', { delete: [csrf, session, remove] });
  return router;
}

/** @throws 503 while the store is away: then a request has no session. */
function sessionFor(req: Request) {
  const session = sessionOf(req);
  if (!session) throw storeUnavailable();
  return session;
}
