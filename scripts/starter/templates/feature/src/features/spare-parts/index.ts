import { randomUUID } from 'node:crypto';
import { Router, type Request, type RequestHandler } from 'express';
import { Counter } from 'prom-client'; // with metric
import { HttpError } from '../../errors.ts';
import { endpoint, route, type Endpoint } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { RedisSpareParts } from './redis-repository.ts';
import { MemorySpareParts, type SparePartRepository } from './repository.ts';
import {
  newSparePart,
  pageQuery,
  sparePartChanges,
  sparePartPage,
  sparePartPath,
  sparePartSchema,
  type SparePart,
} from './spare-part.ts';

const PAGE_SIZE = 20; // without setting

/** Spare parts in Redis where there is one, else in memory. */
export function openSpareParts({ config, stores }: Pick<Toolkit, 'config' | 'stores'>): SparePartRepository {
  return stores.redis
    ? new RedisSpareParts(stores.redis.client, { prefix: config.REDIS_KEY_PREFIX })
    : new MemorySpareParts();
}

/** `/api/spare-parts`: the spare parts of the user who is logged in. */
export function spareParts(toolkit: Toolkit, repository: SparePartRepository): Router {
  const { guarded, requireUser, session } = toolkit;
  const limit = toolkit.rateLimit({ name: 'spare-parts', points: 60, perSeconds: 60, key: ownerOf });
  const created = createdTotal(toolkit); // with metric
  const changing = [...guarded, limit];
  const reading = [session, requireUser];
  const router = Router();
  route(router, '/', {
    get: list(repository, reading, PAGE_SIZE), // without setting
    get: list(repository, reading, toolkit.config.SPARE_PARTS_PAGE_SIZE), // with setting
    post: create(repository, changing), // without metric
    post: create(repository, changing, created), // with metric
  });
  route(router, '/:id', {
    get: one(repository, reading),
    patch: change(repository, changing),
    delete: remove(repository, changing),
  });
  return router;
}

function list(repository: SparePartRepository, guards: RequestHandler[], pageSize: number): Endpoint {
  return endpoint({
    summary: 'Your spare parts, newest first',
    guards,
    query: pageQuery,
    responses: { 200: { description: 'A page', schema: sparePartPage } },
    handler: async (req, res, { query: { page } }) => {
      const found = await repository.list(ownerOf(req), { page, pageSize });
      res.json({ ...found, page, pages: Math.ceil(found.total / pageSize) });
    },
  });
}

function create(
  repository: SparePartRepository,
  guards: RequestHandler[],
  created: Counter, // with metric
): Endpoint {
  return endpoint({
    summary: 'Create a spare part',
    guards,
    body: newSparePart,
    responses: { 201: { description: 'The spare part; Location is its place', schema: sparePartSchema } },
    handler: async (req, res, { body }) => {
      const sparePart: SparePart = {
        ...body,
        id: randomUUID(),
        owner: ownerOf(req),
        version: 1,
        createdAt: new Date().toISOString(),
      };
      await repository.create(sparePart);
      created.inc(); // with metric
      res.status(201).location(`${req.baseUrl}/${sparePart.id}`).json(sparePart);
    },
  });
}

function one(repository: SparePartRepository, guards: RequestHandler[]): Endpoint {
  return endpoint({
    summary: 'A spare part',
    guards,
    params: sparePartPath,
    responses: { 200: { description: 'The spare part', schema: sparePartSchema } },
    errors: ['NOT_FOUND'],
    handler: async (req, res, { params: { id } }) => {
      const sparePart = await repository.get(ownerOf(req), id);
      if (!sparePart) throw new HttpError('NOT_FOUND');
      res.json(sparePart);
    },
  });
}

function change(repository: SparePartRepository, guards: RequestHandler[]): Endpoint {
  return endpoint({
    summary: 'Change fields of a spare part',
    guards,
    params: sparePartPath,
    body: sparePartChanges,
    responses: { 200: { description: 'The spare part as it is now', schema: sparePartSchema } },
    errors: ['NOT_FOUND', 'CONFLICT'],
    handler: async (req, res, { params: { id }, body }) => {
      const sparePart = await repository.update(ownerOf(req), id, body);
      if (!sparePart) throw new HttpError('NOT_FOUND');
      if (sparePart === 'conflict') {
        throw new HttpError('CONFLICT', { detail: 'It has been changed meanwhile: read it again.' });
      }
      res.json(sparePart);
    },
  });
}

function remove(repository: SparePartRepository, guards: RequestHandler[]): Endpoint {
  return endpoint({
    summary: 'Delete a spare part',
    guards,
    params: sparePartPath,
    responses: { 204: { description: 'Deleted' } },
    errors: ['NOT_FOUND'],
    handler: async (req, res, { params: { id } }) => {
      if (!(await repository.delete(ownerOf(req), id))) throw new HttpError('NOT_FOUND');
      res.status(204).end();
    },
  });
}

/** The id of the user, whom requireUser has found. */
function ownerOf(req: Request): string {
  const id = sessionOf(req)?.user?.id;
  if (id === undefined) throw new HttpError('LOGIN_REQUIRED');
  return id;
}
// with metric

function createdTotal({ metrics }: Toolkit): Counter {
  return new Counter({
    name: 'spare_parts_created_total',
    help: 'Spare parts that were created.',
    registers: [metrics.registry],
  });
}
// end
