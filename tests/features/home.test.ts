import { once } from 'node:events';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createTestApp, type TestApp } from '../support/test-app.ts';
import { describeWithRedisServer } from '../support/describe-redis.ts';
import { RedisServer } from '../support/redis-server.ts';

describe('the start page', () => {
  let app: TestApp;
  let server: Server;

  beforeAll(async () => {
    app = await createTestApp();
    server = app.app.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterAll(async () => {
    server.close();
    await app.close();
  });

  test('shows the process, the store, the cache and links', async () => {
    const { text } = await request(server)
      .get('/')
      .expect(200)
      .expect('Content-Type', 'text/html; charset=utf-8');
    expect(text).toContain(`<dt>Process</dt><dd>${process.pid}</dd>`);
    expect(text).toContain('<dt>Store</dt><dd>memory</dd>');
    expect(text).toMatch(/<dt>State<\/dt><dd>(MISS|HIT)<\/dd>/);
    for (const path of ['/livez', '/readyz']) expect(text).toContain(`href="${path}"`);
  });

  test('every link on it leads somewhere', async () => {
    const { text } = await request(server).get('/');
    const links = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, href = '']) => href);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const { status } = await request(server).get(link.replaceAll('&amp;', '&'));
      expect([link, status]).toEqual([link, link.includes('page=0') ? 400 : 200]);
    }
  });

  test('counts the visits of a session', async () => {
    const agent = request.agent(server);
    for (const visits of [1, 2, 3]) {
      const { text } = await agent.get('/').expect('Cache-Control', 'private, no-cache');
      expect(text).toContain(`<dt>Your visits</dt><dd>${visits}</dd>`);
    }
  });

  test('has no inline script or style, and no login outside of development', async () => {
    const { text } = await request(server).get('/');
    expect(text).not.toMatch(/<script|<style|style="|\son\w+=|<form/);
  });

  test('takes its style from a file that may be kept for a year', async () => {
    const { text } = await request(server).get('/');
    const [, css = ''] = /rel="stylesheet" href="([^"]+)"/.exec(text) ?? [];
    await request(server)
      .get(css)
      .expect(200)
      .expect('Cache-Control', /immutable/);
  });

  test('starts no more sessions for an address that has started many, and serves it all the same', async () => {
    const texts: string[] = [];
    for (let visit = 0; visit < 40; visit++) texts.push((await request(server).get('/').expect(200)).text);
    expect(texts.at(-1)).toContain('not counted');
    const { headers } = await request(server).get('/');
    expect(headers['set-cookie']).toBeUndefined();
  });
});

test('in development the start page has a login to try', async () => {
  const app = await createTestApp({ NODE_ENV: 'development', DEMO_PASSWORD: 'a "quoted" password' });
  const { text } = await request(app.app).get('/').expect(200);
  expect(text).toContain('data-action="/api/session"');
  expect(text).toContain('value="a &quot;quoted&quot; password"');
  expect(text).toContain('src="/app.js"');
  await app.close();
});

describe('the forms of the start page in a browser without JavaScript', () => {
  const PASSWORD = 'only for tests';
  const FROM_HERE = { Accept: 'text/html', 'Sec-Fetch-Site': 'same-origin' };
  let app: TestApp;

  beforeAll(async () => {
    app = await createTestApp({ NODE_ENV: 'development', DEMO_PASSWORD: PASSWORD });
  });

  afterAll(() => app.close());

  /** Sends a form of the page as a browser does: with all its fields as they are filled in. */
  async function submit(agent: ReturnType<typeof request.agent>, button: string, headers = FROM_HERE) {
    const { text } = await agent.get('/').expect(200);
    const form = text.split('<form').find((part) => part.includes(`<button>${button}`)) ?? '';
    const [, action = ''] = /action="([^"]+)"/.exec(form) ?? [];
    const fields = new URLSearchParams();
    for (const [, name = '', value = ''] of form.matchAll(/name="([^"]+)"[^>]* value="([^"]*)"/g)) {
      fields.set(name, value);
    }
    return agent.post(action).type('form').set(headers).send(fields.toString());
  }

  test('log in, change a company and log out', async () => {
    const agent = request.agent(app.app);
    const login = await submit(agent, 'Log in');
    expect([login.status, login.headers.location]).toEqual([303, '/']);
    expect((await agent.get('/')).text).toContain('<dt>Logged in as</dt><dd>demo</dd>');
    const change = await submit(agent, 'Change');
    expect([change.status, change.headers.location]).toEqual([303, '/api/companies/1']);
    expect((await agent.get('/api/companies/1')).body).toMatchObject({ city: 'Cupertino' });
    const logout = await submit(agent, 'Log out');
    expect([logout.status, logout.headers.location]).toEqual([303, '/']);
    expect((await agent.get('/')).text).toContain('<dt>Logged in as</dt><dd>nobody</dd>');
  });

  test('show on a page what was wrong', async () => {
    const agent = request.agent(app.app);
    const change = await submit(agent, 'Change');
    expect([change.status, change.type]).toEqual([401, 'text/html']);
    for (const body of [
      'name=demo&password=wrong',
      'name=demo',
      'name=a&name=b&password=c',
      '',
      'name[a]=b',
    ]) {
      const login = await agent.post('/demo/login').type('form').set(FROM_HERE).send(body);
      expect([body, login.status, login.type]).toEqual([
        body,
        body.includes('wrong') ? 401 : 400,
        'text/html',
      ]);
    }
  });

  test('are refused where they come from a page of another site', async () => {
    for (const button of ['Log in', 'Change', 'Log out']) {
      for (const site of ['cross-site', 'same-site']) {
        const headers = { Accept: 'text/html', 'Sec-Fetch-Site': site };
        expect((await submit(request.agent(app.app), button, headers)).status).toBe(403);
      }
    }
    await request(app.app).post('/demo/logout').set({ Origin: 'https://evil.example' }).expect(403);
  });

  test('are not there without a demo user', async () => {
    const other = await createTestApp();
    for (const path of ['login', 'city', 'logout']) {
      await request(other.app).post(`/demo/${path}`).type('form').send('name=demo').expect(404);
    }
    await other.close();
  });
});

test.each(['/nothing', '/api/companies/9999', '/api/companies?page=0'])(
  'the icon that a browser asks for beside %s is there',
  async (path) => {
    const app = await createTestApp();
    const { text } = await request(app.app).get(path).set('Accept', 'text/html');
    const [, icon = ''] = /rel="icon" href="([^"]+)"/.exec(text) ?? [];
    await request(app.app).get(icon).expect(200).expect('Content-Type', 'image/svg+xml');
    // Also beside JSON, which names none.
    const ico = await request(app.app).get('/favicon.ico').expect(200).expect('Content-Type', /icon/);
    expect((ico.body as Buffer).subarray(0, 4)).toEqual(Buffer.from([0, 0, 1, 0]));
    expect(
      app.log.lines.filter(({ level, path: asked }) => level === 'warn' && asked !== path.split('?', 1)[0]),
    ).toEqual([]);
    await app.close();
  },
);

describeWithRedisServer('the start page without its Redis', () => {
  test('serves, and shows what is away', async () => {
    const redis = await RedisServer.start();
    const app = await createTestApp({ REDIS_URL: redis.url });
    const agent = request.agent(app.app);
    expect((await agent.get('/')).text).toContain('redis, <span class="good">up</span>');
    await redis.stop();
    const { text } = await agent.get('/').expect(200);
    expect(text).toContain('<span class="bad">down</span>');
    expect(text).toContain('sessions are away right now');
    await app.close();
  });
});
