import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp();
});
afterAll(() => app.close());

/** A visitor with a session of its own. */
const visitor = () => request.agent(app.app);

describe('/api/todos', () => {
  test('keeps a list for each visitor', async () => {
    const [ada, grace] = [visitor(), visitor()];
    await ada
      .post('/api/todos')
      .send({ text: ' water plants ' })
      .expect(201, { number: 1, text: 'water plants' });
    await ada.post('/api/todos').send({ text: 'call home' }).expect(201, { number: 2, text: 'call home' });
    await ada.get('/api/todos').expect(200, { items: ['water plants', 'call home'] });
    await grace.get('/api/todos').expect(200, { items: [] });
  });

  test('removes an entry by its number', async () => {
    const ada = visitor();
    for (const text of ['one', 'two', 'three']) await ada.post('/api/todos').send({ text });
    await ada.delete('/api/todos/2').expect(204);
    await ada.get('/api/todos').expect({ items: ['one', 'three'] });
  });

  test.each(['0', '4', '-1', '1.5', 'first', '1e0'])('returns 404 for entry %s of three', async (number) => {
    const ada = visitor();
    for (const text of ['one', 'two', 'three']) await ada.post('/api/todos').send({ text });
    const response = await ada.delete(`/api/todos/${number}`).expect(404);
    expect(response.body).toMatchObject({ code: 'NOT_FOUND' });
    await ada.get('/api/todos').expect({ items: ['one', 'two', 'three'] });
  });

  test.each([
    [{ text: ' ' }, 'text', 'must not be empty'],
    [{ text: 'x'.repeat(201) }, 'text', 'must have at most 200 characters'],
    [{}, 'text', 'is missing'],
    [{ text: 'x', done: true }, '(all)', 'has unknown fields: "done"'],
  ])('refuses %j and names the field', async (body, field, message) => {
    const response = await visitor().post('/api/todos').send(body).expect(400);
    expect(response.body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ field, message }] });
  });

  test('refuses more than twenty entries', async () => {
    const ada = visitor();
    for (let number = 1; number <= 20; number++)
      await ada.post('/api/todos').send({ text: `entry ${number}` });
    const response = await ada.post('/api/todos').send({ text: 'one more' }).expect(409);
    expect(response.body).toMatchObject({ code: 'CONFLICT' });
  });

  test('refuses requests from a page of another site', async () => {
    await visitor().post('/api/todos').set('Sec-Fetch-Site', 'cross-site').send({ text: 'x' }).expect(403);
  });
});
