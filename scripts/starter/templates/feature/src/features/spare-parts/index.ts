import { randomUUID } from 'node:crypto';
import { Router, type Request } from 'express';
import { Counter } from 'prom-client'; // with metric
import * as v from 'valibot';
import { HttpError } from '../../errors.ts';
import { route, wrap, type Handler } from '../../platform/http/index.ts';
import { sessionOf } from '../../platform/sessions/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { RedisSpareParts } from './redis-repository.ts';
import { MemorySpareParts, type SparePartRepository } from './repository.ts';
import { newSparePart, pageQuery, sparePartChanges, sparePartPath, type SparePart } from './spare-part.ts';

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
  const router = Router();
  route(router, '/', {
    get: [session, requireUser, wrap(list(repository, PAGE_SIZE))], // without setting
    get: [session, requireUser, wrap(list(repository, toolkit.config.SPARE_PARTS_PAGE_SIZE))], // with setting
    post: [...guarded, limit, wrap(create(repository))], // without metric
    post: [...guarded, limit, wrap(create(repository, created))], // with metric
  });
  route(router, '/:id', {
    get: [session, requireUser, wrap(one(repository))],
    patch: [...guarded, limit, wrap(change(repository))],
    delete: [...guarded, limit, wrap(remove(repository))],
  });
  return router;
}

function list(repository: SparePartRepository, pageSize: number): Handler {
  return async (req, res) => {
    const { page } = v.parse(pageQuery, req.query);
    const found = await repository.list(ownerOf(req), { page, pageSize });
    res.json({ ...found, page, pages: Math.ceil(found.total / pageSize) });
  };
}

function create(
  repository: SparePartRepository,
  created: Counter, // with metric
): Handler {
  return async (req, res) => {
    const sparePart: SparePart = {
      ...v.parse(newSparePart, req.body),
      id: randomUUID(),
      owner: ownerOf(req),
      version: 1,
      createdAt: new Date().toISOString(),
    };
    await repository.create(sparePart);
    created.inc(); // with metric
    res.status(201).location(`${req.baseUrl}/${sparePart.id}`).json(sparePart);
  };
}

function one(repository: SparePartRepository): Handler {
  return async (req, res) => {
    const sparePart = await repository.get(ownerOf(req), idOf(req));
    if (!sparePart) throw new HttpError('NOT_FOUND');
    res.json(sparePart);
  };
}

function change(repository: SparePartRepository): Handler {
  return async (req, res) => {
    const sparePart = await repository.update(ownerOf(req), idOf(req), v.parse(sparePartChanges, req.body));
    if (!sparePart) throw new HttpError('NOT_FOUND');
    if (sparePart === 'conflict') {
      throw new HttpError('CONFLICT', { detail: 'It has been changed meanwhile: read it again.' });
    }
    res.json(sparePart);
  };
}

function remove(repository: SparePartRepository): Handler {
  return async (req, res) => {
    if (!(await repository.delete(ownerOf(req), idOf(req)))) throw new HttpError('NOT_FOUND');
    res.status(204).end();
  };
}

function idOf(req: Request): string {
  return v.parse(sparePartPath, req.params).id;
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
