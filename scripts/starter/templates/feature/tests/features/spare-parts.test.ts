import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import type { SparePart } from '../../src/features/spare-parts/spare-part.ts';
import { logIn } from '../support/log-in.ts';
import { createTestApp, type TestApp } from '../support/test-app.ts';

type LoggedIn = Awaited<ReturnType<typeof logIn>>;

/** A body that POST takes. Add your fields here. */
const valid = { name: 'first' };

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp(); // without setting
  app = await createTestApp({ SPARE_PARTS_PAGE_SIZE: '20' }); // with setting
});
afterAll(() => app.close());

async function create(as: LoggedIn, name: string): Promise<SparePart & { url: string }> {
  const response = await as
    .post('/api/spare-parts')
    .send({ ...valid, name })
    .expect(201);
  const sparePart = response.body as SparePart;
  return { ...sparePart, url: `/api/spare-parts/${sparePart.id}` };
}

describe('/api/spare-parts', () => {
  test('creates, reads, changes and deletes a spare part', async () => {
    const ada = await logIn(app);
    const { url, ...created } = await create(ada, ' first ');
    expect(created).toMatchObject({ name: 'first', owner: 'ada', version: 1 });
    await ada.get(url).expect(200, created);
    const changed = { ...created, name: 'second', version: 2 };
    await ada.patch(url).send({ name: 'second', version: 1 }).expect(200, changed);
    await ada.get(url).expect(200, changed);
    await ada.delete(url).expect(204);
    for (const again of [ada.get(url), ada.patch(url).send({ version: 2 }), ada.delete(url)]) {
      expect((await again).status).toBe(404);
    }
  });

  test('names the place of what it has created', async () => {
    const ada = await logIn(app);
    const response = await ada.post('/api/spare-parts').send(valid);
    const { id } = response.body as SparePart;
    expect(response.get('Location')).toBe(`/api/spare-parts/${id}`);
  });

  test('lists page by page, newest first', async () => {
    const grace = await logIn(app, 'grace');
    for (let number = 1; number <= 21; number++) await create(grace, `spare part ${number}`);
    const first = await grace.get('/api/spare-parts').expect(200);
    expect(first.body).toMatchObject({ total: 21, page: 1, pages: 2 });
    expect((first.body as { items: unknown[] }).items).toHaveLength(20);
    const second = await grace.get('/api/spare-parts?page=2').expect(200);
    expect((second.body as { items: unknown[] }).items).toHaveLength(1);
  });

  test("keeps one user's from another", async () => {
    const [ada, eve] = [await logIn(app), await logIn(app, 'eve')];
    const { url } = await create(ada, 'mine');
    await eve.get(url).expect(404);
    await eve.patch(url).send({ name: 'hers', version: 1 }).expect(404);
    await eve.delete(url).expect(404);
    await eve.get('/api/spare-parts').expect(200, { items: [], total: 0, page: 1, pages: 0 });
    await ada.get(url).expect(200);
  });

  test('refuses a change of what has been changed meanwhile', async () => {
    const ada = await logIn(app);
    const { url } = await create(ada, 'first');
    await ada.patch(url).send({ name: 'second', version: 1 }).expect(200);
    const response = await ada.patch(url).send({ name: 'third', version: 1 }).expect(409);
    expect(response.body).toMatchObject({ code: 'CONFLICT' });
  });

  test.each([
    [{ name: ' ' }, 'name', 'must not be empty'],
    [{ name: 'x'.repeat(101) }, 'name', 'must have at most 100 characters'],
    [{ name: undefined }, 'name', 'is missing'],
    [{ owner: 'eve' }, '(all)', 'has unknown fields: "owner"'],
  ])('refuses to create with %j and names the field', async (fields, field, message) => {
    const ada = await logIn(app);
    const response = await ada
      .post('/api/spare-parts')
      .send({ ...valid, ...fields })
      .expect(400);
    expect(response.body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ field, message }] });
  });

  test.each(['?page=0', '?page=x', '?pages=1', '/1'])('refuses %s', async (path) => {
    const ada = await logIn(app);
    await ada.get(`/api/spare-parts${path}`).expect(400);
  });

  test('needs a login, and refuses what comes from another site', async () => {
    await request(app.app).get('/api/spare-parts').expect(401);
    await request(app.app).post('/api/spare-parts').send(valid).expect(401);
    const ada = await logIn(app);
    await ada.post('/api/spare-parts').set('Sec-Fetch-Site', 'cross-site').send(valid).expect(403);
  });
  // with metric

  test('counts what is created', async () => {
    const ada = await logIn(app);
    const count = async () => {
      const metric = app.metrics.registry.getSingleMetric('spare_parts_created_total');
      return (await metric?.get())?.values[0]?.value ?? NaN;
    };
    const before = await count();
    await create(ada, 'counted');
    expect(await count()).toBe(before + 1);
  });
  // end
});
