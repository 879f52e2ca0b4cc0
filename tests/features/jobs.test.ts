import { afterEach, expect, test } from '@jest/globals';
import request from 'supertest';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let made: TestApp | undefined;
afterEach(async () => {
  await made?.close();
});

test('refresh-companies loads the companies before anybody searches them', async () => {
  made = await createTestApp();
  const job = made.jobs.find(({ name }) => name === 'refresh-companies');
  await job?.run(new AbortController().signal, { fence: 1 });
  const cached = await made.stores.cache.fetch('companies', { ttl: 60 }, () => []);
  expect(cached.state).toBe('HIT');
  expect(cached.value.length).toBeGreaterThan(10);
  await request(made.app).get('/api/search?params={"country":"JP"}').expect(200);
});
