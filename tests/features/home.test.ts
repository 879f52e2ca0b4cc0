import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { projectPath } from '../../src/platform/config/index.ts';
import { logIn } from '../support/log-in.ts';
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

  test('shows whether the app is healthy, how it runs and where it stores', async () => {
    const { text } = await request(server)
      .get('/')
      .expect(200)
      .expect('Content-Type', 'text/html; charset=utf-8');
    expect(text).toContain('<span class="chip good">Healthy</span>');
    expect(text).toContain('<dt>Mode</dt><dd>One process</dd>');
    expect(text).toContain('<dt>NODE_ENV</dt><dd>test</dd>');
    expect(text).toContain('<dt>Store</dt><dd>Memory</dd>');
  });

  test('names files that are there', async () => {
    const { text } = await request(server).get('/');
    const files = [...text.matchAll(/<code>((?:docs|deploy|src)\/[^<]+)<\/code>/g)].map(
      ([, file = '']) => file,
    );
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((file) => !existsSync(projectPath(file)))).toEqual([]);
  });

  test('every link on it leads somewhere', async () => {
    const { text } = await request(server).get('/');
    const links = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, href = '']) => href);
    expect(links.length).toBeGreaterThan(3);
    const statuses: Record<string, number> = {
      '/api/companies?page=0&amp;sort=age': 400,
      '/api/companies/9999': 404,
      '/api/session': 401,
    };
    for (const link of links) {
      const { status } = await request(server).get(link.replaceAll('&amp;', '&'));
      expect([link, status]).toEqual([link, statuses[link] ?? 200]);
    }
  });

  test('has no inline script or style, and no login outside of development', async () => {
    const { text } = await request(server).get('/');
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|style="|\son\w+=|<form/);
  });

  test('takes its style from a file that may be kept for a year', async () => {
    const { text } = await request(server).get('/');
    const [, css = ''] = /rel="stylesheet" href="([^"]+)"/.exec(text) ?? [];
    await request(server)
      .get(css)
      .expect(200)
      .expect('Cache-Control', /immutable/);
  });

  test('starts no session and names no process', async () => {
    const { headers, text } = await request(server).get('/');
    expect(headers['set-cookie']).toBeUndefined();
    expect(text).not.toContain(String(process.pid));
  });

  test('shows who is logged in', async () => {
    const ada = await logIn(app, '<ada>');
    const { text } = await ada.get('/').expect('Cache-Control', 'private, no-cache');
    expect(text).toContain('Logged in as <strong>&lt;ada&gt;</strong>');
  });

  test('shows which store of the app is down', async () => {
    const other = await createTestApp();
    let isUp = true;
    other.lifecycle.addCheck('database', () => isUp);
    expect((await request(other.app).get('/')).text).toContain('Healthy');
    isUp = false;
    expect((await request(other.app).get('/')).text).toContain('Degraded: database is down');
    await other.close();
  });
});

test('in development the start page shows the process and counts the visits of a session', async () => {
  const app = await createTestApp({ NODE_ENV: 'development' });
  const agent = request.agent(app.app);
  for (const visits of [1, 2, 3]) {
    const { text } = await agent.get('/').expect('Cache-Control', 'private, no-cache');
    expect(text).toContain(`<dt>Process</dt><dd>${process.pid}</dd>`);
    expect(text).toContain(`<dt>Your visits</dt><dd>${visits}</dd>`);
  }
  await app.close();
});

test('in development the start page has a login to try', async () => {
  const app = await createTestApp({ NODE_ENV: 'development', DEMO_PASSWORD: 'a "quoted" password' });
  const { text } = await request(app.app).get('/').expect(200);
  expect(text).toContain('data-api="POST /api/session"');
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
  async function submit(agent: ReturnType<typeof request.agent>, button: string) {
    const { text } = await agent.get('/').expect(200);
    const form = text.split('<form').find((part) => new RegExp(`<button[^>]*>${button}`).test(part)) ?? '';
    const [, action = ''] = /action="([^"]+)"/.exec(form) ?? [];
    const fields = new URLSearchParams();
    for (const [, name = '', value = ''] of form.matchAll(/name="([^"]+)"[^>]* value="([^"]*)"/g)) {
      fields.set(name, value);
    }
    return agent.post(action).type('form').set(FROM_HERE).send(fields.toString());
  }

  test('log in, change a company and log out', async () => {
    const agent = request.agent(app.app);
    const login = await submit(agent, 'Log in');
    expect([login.status, login.headers.location]).toEqual([303, '/']);
    expect((await agent.get('/')).text).toContain('Logged in as <strong>demo</strong>');
    const change = await submit(agent, 'Change');
    expect([change.status, change.headers.location]).toEqual([303, '/#account']);
    expect((await agent.get('/api/companies/1')).body).toMatchObject({ city: 'Cupertino' });
    expect((await agent.get('/')).text).toContain('value="Cupertino"');
    const logout = await submit(agent, 'Log out');
    expect([logout.status, logout.headers.location]).toEqual([303, '/']);
    expect((await agent.get('/')).text).toContain('Not logged in');
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
    for (const form of ['login', 'city', 'logout']) {
      for (const site of ['cross-site', 'same-site']) {
        await request(app.app)
          .post(`/demo/${form}`)
          .set('Sec-Fetch-Site', site)
          .type('form')
          .send('')
          .expect(403);
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
    expect((await agent.get('/')).text).toContain('Healthy');
    await redis.stop();
    const { text } = await agent.get('/').expect(200);
    expect(text).toContain('<dt>Store</dt><dd>Redis</dd>');
    expect(text).toMatch(/class="chip bad">Degraded: [\w ]+</);
    expect(text).toContain('Sessions are away right now');
    await app.close();
  });
});
