import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import request from 'supertest';
import { hashPassword } from '../../src/features/account/password.ts';
import { account } from '../../src/features/account/index.ts';
import { createUsers } from '../../src/features/account/users.ts';
import {
  get,
  logInAs,
  PASSWORD,
  serveAccount as serveWith,
  serveAccountEachTest,
  type AccountAppOptions,
} from '../support/account-app.ts';

/** No password fits it: the tests' own check decides. */
const HASH = `$scrypt$ln=13,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
const USERS = JSON.stringify(
  ['ada', 'grace'].map((name) => ({ id: `id-${name}`, name, passwordHash: HASH })),
);

interface Options extends Pick<AccountAppOptions, 'env' | 'add'> {
  readonly check?: (password: string) => Promise<boolean>;
}

/** The account feature, with a check of passwords without scrypt, which has tests of its own. */
const optionsOf = ({ check = isPassword, env, add }: Options = {}): AccountAppOptions => ({
  env: { USERS, ...env },
  login: (toolkit) => {
    const { config, logger } = toolkit;
    return account(toolkit, createUsers({ config, logger, check }));
  },
  ...(add && { add }),
});

function isPassword(password: string): Promise<boolean> {
  return Promise.resolve(password === PASSWORD);
}

const serveEach = serveAccountEachTest();
const appWith = (options?: Options) => serveEach(optionsOf(options));

const attempt = (url: string, name: string, password: string, headers: Record<string, string> = {}) =>
  request(url).post('/api/session').set(headers).send({ name, password });

describe('/api/session', () => {
  test('logs in, returns who is logged in, and logs out', async () => {
    const { url } = await appWith();
    const agent = request.agent(url);
    const user = { id: 'id-ada', name: 'ada' };
    await agent.get('/api/session').expect(401).expect('Cache-Control', 'no-store');
    const login = await agent
      .post('/api/session')
      .send({ name: 'ada', password: PASSWORD })
      .expect(201)
      .expect('Cache-Control', 'no-store');
    expect(login.body).toEqual({ user });
    const who = await agent.get('/api/session').expect(200).expect('Cache-Control', 'no-store');
    expect(who.body).toEqual({ user });
    await agent.delete('/api/session').expect(204).expect('Cache-Control', 'no-store');
    await agent.get('/api/session').expect(401);
  });

  test('a logout without a session succeeds', async () => {
    const { url } = await appWith();
    await request(url).delete('/api/session').expect(204);
  });

  test('another login replaces the session: the first one ends', async () => {
    const { url } = await appWith();
    const first = await logInAs(url);
    const second = await logInAs(url, 'grace', { Cookie: first });
    expect((await get(`${url}/guarded`, first)).status).toBe(401);
    await expect((await get(`${url}/guarded`, second)).json()).resolves.toMatchObject({
      user: { name: 'grace' },
    });
  });

  test('refuses other methods and lists the allowed ones', async () => {
    const { url } = await appWith();
    await request(url).put('/api/session').expect(405).expect('Allow', 'DELETE, GET, HEAD, OPTIONS, POST');
  });

  test.each(['post', 'delete'] as const)("another site's page may not %s", async (method) => {
    const { url } = await appWith();
    await request(url)[method]('/api/session').set('Sec-Fetch-Site', 'cross-site').expect(403);
  });

  test('wrong passwords and unknown names look the same', async () => {
    const { url } = await appWith();
    const wrong = await attempt(url, 'ada', 'x').expect(401);
    const unknown = await attempt(url, 'nobody', 'x').expect(401);
    const withoutId = ({ body }: { body: unknown }) => ({ ...(body as object), requestId: '' });
    expect(withoutId(wrong)).toEqual(withoutId(unknown));
    expect(wrong.body).toMatchObject({ code: 'LOGIN_FAILED' });
    expect(wrong.headers).not.toHaveProperty('set-cookie');
  });

  test('checks real passwords', async () => {
    const passwordHash = await hashPassword('scrypt, for once');
    const env = { USERS: JSON.stringify([{ id: '1', name: 'édith', passwordHash }]) };
    const { url } = await appWith({ env, add: addRealUsers });
    await request(url).post('/real').send({ name: 'e\u0301dith', password: 'scrypt, for once' }).expect(201);
    await request(url).post('/real').send({ name: 'édith', password: 'scrypt' }).expect(401);
    await request(url).post('/real').send({ name: 'edith', password: 'scrypt, for once' }).expect(401);
  });

  test('puts a password neither into the log nor into the response', async () => {
    const { url, log, storeLog } = await appWith();
    await attempt(url, 'ada', 'my-secret-value').expect(401);
    const invalid = await attempt(url, '', 'my-secret-value').expect(400);
    await log.waitFor(2);
    expect(JSON.stringify([log.lines, storeLog.lines, invalid.body])).not.toContain('my-secret-value');
  });

  test.each([
    ['a number', 1234567890],
    ['in an array', ['1234567890']],
    ['in an object', { value: '1234567890' }],
    ['too long', '1234567890'.repeat(103)],
  ])('nor a password that is %s', async (_what, password) => {
    const { url, log, storeLog } = await appWith({ env: { LOG_LEVEL: 'trace', NODE_ENV: 'development' } });
    const body = { name: 'ada', password, pin: password };
    const { body: problem } = (await request(url).post('/api/session').send(body).expect(400)) as {
      body: { errors: unknown };
    };
    expect(problem.errors).toEqual([
      { field: 'password', message: expect.stringMatching(/^must /) },
      { field: '(all)', message: 'has unknown fields: "pin"' },
    ]);
    await log.waitFor(1);
    expect(log.lines).toEqual([expect.objectContaining({ status: 400, code: 'VALIDATION_FAILED' })]);
    expect(JSON.stringify([log.lines, storeLog.lines, problem])).not.toContain('1234567890');
  });
});

const addRealUsers: NonNullable<AccountAppOptions['add']> = (app, toolkit) => {
  app.use('/real', account(toolkit, createUsers({ config: toolkit.config, logger: toolkit.logger })));
};

describe('the limits on login', () => {
  test('five attempts for a name from an address, counted before the password is looked at', async () => {
    const check = jest.fn((password: string) => Promise.resolve(password === PASSWORD));
    const { url, toolkit } = await appWith({ check });
    for (let index = 0; index < 5; index++) await attempt(url, 'ada', 'guess').expect(401);
    const refused = await attempt(url, 'ada', PASSWORD).expect(429);
    expect(refused.body).toMatchObject({ code: 'RATE_LIMITED' });
    expect(refused.headers).toMatchObject({
      'retry-after': expect.stringMatching(/^(899|900)$/),
      'ratelimit-policy': '"login-address";q=100;w=900, "login-user";q=5;w=900',
      ratelimit: expect.stringMatching(/^"login-address";r=94;t=\d+, "login-user";r=0;t=\d+$/),
    });
    expect(check).toHaveBeenCalledTimes(5);
    // Another name is another limit, however it is written.
    await attempt(url, 'grace', 'guess').expect(401);
    await attempt(url, 'ADA', 'guess').expect(429);
    const failures = await toolkit.metrics.loginFailures.get();
    expect(Object.fromEntries(failures.values.map(({ labels, value }) => [labels.reason, value]))).toEqual({
      login_failed: 6,
      rate_limited: 2,
    });
  });

  test('a login that succeeds gives the points of its name back', async () => {
    const { url } = await appWith();
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 4; index++) await attempt(url, 'ada', 'guess').expect(401);
      await attempt(url, 'ada', PASSWORD).expect(201);
    }
  });

  test('a hundred attempts from an address, whatever the names', async () => {
    const { url } = await appWith();
    const statuses = [];
    for (let index = 0; index < 101; index++) {
      statuses.push((await attempt(url, `user-${index}`, 'guess')).status);
    }
    expect(statuses.slice(0, 100)).toEqual(Array(100).fill(401));
    expect(statuses[100]).toBe(429);
  });

  test('a made-up X-Forwarded-For does not get around them', async () => {
    for (const env of [{}, { TRUST_PROXY: '1' }]) {
      const { url } = await appWith({ env });
      for (let index = 0; index < 6; index++) {
        const invented = { 'X-Forwarded-For': `203.0.113.${index}, 198.51.100.7` };
        await attempt(url, 'ada', 'guess', invented).expect(index < 5 ? 401 : 429);
      }
    }
  });

  test('behind a trusted proxy, one user of it does not lock out the others', async () => {
    const { url } = await appWith({ env: { TRUST_PROXY: '1' } });
    for (let index = 0; index < 6; index++) {
      await attempt(url, 'ada', 'guess', { 'X-Forwarded-For': '198.51.100.7' });
    }
    await attempt(url, 'ada', PASSWORD, { 'X-Forwarded-For': '198.51.100.8' }).expect(201);
  });
});

describe('a bad login is a 4xx problem and nothing worse', () => {
  let served: Awaited<ReturnType<typeof serveWith>>;
  const check = jest.fn(() => Promise.resolve(true));

  beforeAll(async () => {
    served = await serveWith(optionsOf({ check }));
  });

  afterAll(async () => {
    await served.close();
  });

  test.each<[string, string, number]>([
    ['nothing', '', 400],
    ['broken JSON', '{"name":', 400],
    ['JSON that is no object', '"ada"', 400],
    ['null', 'null', 400],
    ['an array', '[]', 400],
    ['an array of logins', '[{"name":"ada","password":"x"}]', 400],
    ['an object without fields', '{}', 400],
    ['an array for a name', '{"name":["ada"],"password":"x"}', 400],
    ['an object for a name', '{"name":{"$ne":null},"password":"x"}', 400],
    ['an array for a password', '{"name":"ada","password":["x"]}', 400],
    ['a number for a password', '{"name":"ada","password":1}', 400],
    ['null for a password', '{"name":"ada","password":null}', 400],
    ['a field too many', '{"name":"ada","password":"x","admin":true}', 400],
    ['__proto__', '{"name":"ada","password":"x","__proto__":{"admin":true}}', 400],
    ['constructor', '{"name":"ada","password":"x","constructor":{"prototype":{"admin":true}}}', 400],
    ['an empty name', '{"name":"","password":"x"}', 400],
    ['an empty password', '{"name":"ada","password":""}', 400],
    ['a NUL in the name', '{"name":"ada\\u0000","password":"x"}', 400],
    ['a line break in the name', '{"name":"ada\\r\\nx","password":"x"}', 400],
    ['a long name', JSON.stringify({ name: 'a'.repeat(257), password: 'x' }), 400],
    ['a long password', JSON.stringify({ name: 'ada', password: 'x'.repeat(1025) }), 400],
    ['a password of megabytes', JSON.stringify({ name: 'ada', password: 'x'.repeat(3_000_000) }), 413],
    ['a password that grows', JSON.stringify({ name: 'ada', password: '\ufdfa'.repeat(2000) }), 400],
    ['deep nesting', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, 413],
    ['less deep nesting', `${'['.repeat(40_000)}${']'.repeat(40_000)}`, 400],
  ])('%s', async (_name, body, status) => {
    const response = await request(served.url)
      .post('/api/session')
      .set('Content-Type', 'application/json')
      .send(body)
      .expect('Content-Type', /problem\+json/);
    expect(response.status).toBe(status);
    expect(response.body).not.toHaveProperty('stack');
    expect(check).not.toHaveBeenCalled();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test('a form', async () => {
    await request(served.url)
      .post('/api/session')
      .type('form')
      .send({ name: 'ada', password: 'x' })
      .expect(415)
      .expect('Content-Type', /problem\+json/);
  });

  test('names the field that is wrong', async () => {
    const response = await request(served.url).post('/api/session').send({ name: 'a\nb' }).expect(400);
    const { errors } = response.body as { errors: { field: string }[] };
    expect(errors.map(({ field }) => field)).toEqual(['name', 'password']);
  });

  test('a NUL or half a character in a password is checked like any other', async () => {
    for (const password of ['a\u0000b', '\ud800']) {
      await request(served.url).post('/api/session').send({ name: 'nobody', password }).expect(401);
    }
  });
});
