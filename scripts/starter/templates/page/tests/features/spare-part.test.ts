import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { logIn } from '../support/log-in.ts';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp();
});
afterAll(() => app.close());

describe('/spare-part', () => {
  test('greets a stranger', async () => {
    const { text } = await request(app.app)
      .get('/spare-part')
      .expect(200)
      .expect('Content-Type', 'text/html; charset=utf-8');
    expect(text).toContain('<h1>Hello, stranger</h1>');
  });

  test('greets who is logged in, by a name that is text and no HTML', async () => {
    const ada = await logIn(app, '<b>ada');
    const { text } = await ada.get('/spare-part').expect(200);
    expect(text).toContain('<h1>Hello, &lt;b&gt;ada</h1>');
  });
});
