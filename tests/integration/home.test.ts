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

  test('has no inline script or style, and no log in outside of development', async () => {
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

test('in development the start page has a log in to try', async () => {
  const app = await createTestApp({ NODE_ENV: 'development', DEMO_PASSWORD: 'a "quoted" password' });
  const { text } = await request(app.app).get('/').expect(200);
  expect(text).toContain('action="/api/session"');
  expect(text).toContain('value="a &quot;quoted&quot; password"');
  expect(text).toContain('src="/app.js"');
  await app.close();
});

describeWithRedisServer('the start page without its Redis', () => {
  test('serves, and says what is away', async () => {
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
