import { afterEach, expect, test } from '@jest/globals';
import request from 'supertest';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let app: TestApp | undefined;
afterEach(() => app?.close());

test('spare-part adds the host to the log line', async () => {
  app = await createTestApp();
  await request(app.app).get('/not-there').set('Host', 'shop.example').expect(404);
  await app.log.waitForLine(({ sparePart }) => sparePart === 'shop.example');
  expect(app.log.lines).toContainEqual(expect.objectContaining({ sparePart: 'shop.example', status: 404 }));
});
