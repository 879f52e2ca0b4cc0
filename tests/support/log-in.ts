import express from 'express';
import request from 'supertest';
import { wrap } from '../../src/platform/http/index.ts';
import { logIn as logInRequest, sessions } from '../../src/platform/sessions/index.ts';
import { sessionCookie, sessionFields } from '../../src/session.ts';
import { silent } from './caches.ts';
import type { TestApp } from './test-app.ts';

/**
 * A client that is logged in, with requests as of supertest: `const ada = await logIn(app); await ada.get('/api/orders')`.
 * The session is made beside the app, in its store, so no password is needed, whatever way of logging in the app has.
 *
 * @param id - of the user, and the name.
 */
export async function logIn({ app, config, stores }: TestApp, id = 'ada') {
  const options = { storage: stores.sessions, fields: sessionFields, cookie: sessionCookie, config };
  const entrance = express().use(
    sessions({ ...options, logger: silent }),
    wrap(async (req, res) => {
      await logInRequest(req, { id, name: id });
      res.end();
    }),
  );
  const response = await request(entrance).post('/').expect(200);
  const client = request.agent(app);
  client.jar.setCookies(response.get('Set-Cookie') ?? [], '127.0.0.1', '/');
  return client;
}
