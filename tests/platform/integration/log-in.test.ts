import { afterEach, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { requireUser, sessionOf, sessions } from '../../../src/platform/sessions/session.ts';
import { errorHandler } from '../../../src/platform/http/middleware/error-handler.ts';
import { sessionCookie, sessionFields } from '../../../src/session.ts';
import { newPrefix, silent } from '../../support/caches.ts';
import { describeWithRedis } from '../../support/describe-redis.ts';
import { logIn } from '../../support/log-in.ts';
import { createTestApp, type TestApp } from '../../support/test-app.ts';

let made: TestApp;
afterEach(() => made.close());

/** An app that returns who is logged in, with the stores of a whole one. */
async function appWith(env: Record<string, string> = {}): Promise<TestApp> {
  made = await createTestApp(env);
  const { config, stores } = made;
  const options = { storage: stores.sessions, fields: sessionFields, cookie: sessionCookie, config };
  const app = express()
    .use(sessions({ ...options, logger: silent }), requireUser())
    .get('/who', (req, res) => {
      res.json(sessionOf(req)?.user);
    })
    .use(errorHandler({ exposeErrors: false }));
  return { ...made, app };
}

test('logIn of the tests gives each client a session of its own', async () => {
  const app = await appWith();
  const [ada, grace] = [await logIn(app), await logIn(app, 'grace')];
  await ada.get('/who').expect(200, { id: 'ada', name: 'ada' });
  await grace.get('/who').expect(200, { id: 'grace', name: 'grace' });
  const stranger = await request(app.app).get('/who');
  expect(stranger.status).toBe(401);
});

describeWithRedis('logIn of the tests with Redis', (openRedis) => {
  test('keeps the session there', async () => {
    const redis = await openRedis();
    const app = await appWith({ REDIS_URL: redis.url, REDIS_KEY_PREFIX: newPrefix() });
    const ada = await logIn(app);
    const response = await ada.get('/who').expect(200);
    expect(response.body).toEqual({ id: 'ada', name: 'ada' });
    await redis.stop();
  });
});
