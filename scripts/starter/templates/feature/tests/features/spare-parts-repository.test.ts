import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openSpareParts } from '../../src/features/spare-parts/index.ts';
import type { SparePartRepository } from '../../src/features/spare-parts/repository.ts';
import type { SparePart } from '../../src/features/spare-parts/spare-part.ts';
import { normalizeError } from '../../src/platform/http/index.ts';
import { describeWithRedisServer } from '../support/describe-redis.ts';
import { RedisServer } from '../support/redis-server.ts';
import { createTestApp, type TestApp } from '../support/test-app.ts';
import { until } from '../support/until.ts';

let app: TestApp;
let spareParts: SparePartRepository;
/** Has no spare part when a test begins. */
let owner: string;

beforeEach(() => {
  owner = randomUUID();
});

async function open(env: Record<string, string> = {}): Promise<void> {
  app = await createTestApp(env);
  spareParts = openSpareParts(app);
}

async function create(fields: Partial<SparePart> = {}): Promise<SparePart> {
  const createdAt = new Date().toISOString();
  const sparePart = { id: randomUUID(), owner, name: 'first', version: 1, createdAt, ...fields };
  await spareParts.create(sparePart);
  return sparePart;
}

/** What holds for every store. */
function behaveAsRepository() {
  test('return what was created, to its owner only', async () => {
    const created = await create();
    expect(await spareParts.get(owner, created.id)).toEqual(created);
    expect(await spareParts.get('another', created.id)).toBeUndefined();
    expect(await spareParts.get(owner, randomUUID())).toBeUndefined();
  });

  test('are listed page by page, newest first', async () => {
    const days = [2, 1, 3].map((day) => ({ createdAt: new Date(day * 86_400_000).toISOString() }));
    const [second, first, third] = [await create(days[0]), await create(days[1]), await create(days[2])];
    await create({ owner: 'another' });
    const page = (number: number) => spareParts.list(owner, { page: number, pageSize: 2 });
    expect(await page(1)).toEqual({ items: [third, second], total: 3 });
    expect(await page(2)).toEqual({ items: [first], total: 3 });
    expect(await page(3)).toEqual({ items: [], total: 3 });
  });

  test('created at the same time have an order', async () => {
    const createdAt = new Date().toISOString();
    const ids = [];
    for (let count = 0; count < 5; count++) ids.push((await create({ createdAt })).id);
    const { items } = await spareParts.list(owner, { page: 1, pageSize: 10 });
    expect(items.map(({ id }) => id)).toEqual(ids.sort().reverse());
  });

  test('are changed, which makes another version', async () => {
    const created = await create();
    const expected = { ...created, name: 'second', version: 2 };
    expect(await spareParts.update(owner, created.id, { name: 'second', version: 1 })).toEqual(expected);
    expect(await spareParts.get(owner, created.id)).toEqual(expected);
    expect(await spareParts.list(owner, { page: 1, pageSize: 2 })).toEqual({ items: [expected], total: 1 });
  });

  test('take one of many changes of the same version', async () => {
    const { id } = await create();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const results = await Promise.all(
      names.map((name) => spareParts.update(owner, id, { name, version: 1 })),
    );
    const [done, ...others] = results.filter((result) => result !== 'conflict');
    expect(others).toEqual([]);
    expect(await spareParts.get(owner, id)).toEqual(done);
    expect(done).toMatchObject({ version: 2 });
  });

  test('are neither changed nor deleted by another', async () => {
    const created = await create();
    expect(await spareParts.update('another', created.id, { name: 'theirs', version: 1 })).toBeUndefined();
    expect(await spareParts.delete('another', created.id)).toBe(false);
    expect(await spareParts.get(owner, created.id)).toEqual(created);
  });

  test('are gone when they are deleted', async () => {
    const { id } = await create();
    expect(await spareParts.delete(owner, id)).toBe(true);
    expect(await spareParts.delete(owner, id)).toBe(false);
    expect(await spareParts.get(owner, id)).toBeUndefined();
    expect(await spareParts.update(owner, id, { name: 'second', version: 1 })).toBeUndefined();
    expect(await spareParts.list(owner, { page: 1, pageSize: 2 })).toEqual({ items: [], total: 0 });
  });

  test('keep an owner with any characters apart', async () => {
    owner = `{${owner}}:é/`;
    const created = await create();
    expect((await spareParts.list(owner, { page: 1, pageSize: 2 })).items).toEqual([created]);
  });
}

describe('spare parts in memory', () => {
  beforeAll(() => open());
  behaveAsRepository();
  afterAll(() => app.close());
});

describeWithRedisServer('spare parts in Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
    await open({ REDIS_URL: redis.url });
  });
  behaveAsRepository();
  afterAll(async () => {
    await app.close();
    await redis.stop();
  });

  test('are seen by other processes', async () => {
    const created = await create();
    const other = await createTestApp({ REDIS_URL: redis.url });
    expect(await openSpareParts(other).get(owner, created.id)).toEqual(created);
    await other.close();
  });

  test('are a 503 while Redis is away, and are there when it is back', async () => {
    const { id } = await create();
    redis.hang();
    const calls = [
      create(),
      spareParts.get(owner, id),
      spareParts.list(owner, { page: 1, pageSize: 2 }),
      spareParts.update(owner, id, { name: 'second', version: 1 }),
      spareParts.delete(owner, randomUUID()),
    ];
    for (const result of await Promise.allSettled(calls)) {
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      expect(normalizeError(reason).code).toBe('STORE_UNAVAILABLE');
    }
    redis.resume();
    await until(async () => (await spareParts.get(owner, id))?.id === id);
  });
});
