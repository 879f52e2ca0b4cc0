import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { describeWithRedis, type TestRedis } from '../../support/describe-redis.ts';
import { AppProcess } from '../../support/app-process.ts';

let app: AppProcess | undefined;
afterEach(async () => {
  await app?.stop();
});

const READ = [
  '/',
  '/livez',
  '/readyz',
  '/style.css',
  '/favicon.svg',
  '/api/items',
  '/api/items?pageSize=5&sort=-founded',
  '/api/items?q=sao+paulo',
  '/api/items?page=0',
  '/api/items/71',
  '/api/items/71/logo',
  '/api/items.csv',
  `/api/search?params=${encodeURIComponent('{"country":"JP","foundedBefore":1940}')}`,
  '/api/session',
  '/no/such/path',
  '/%',
];

/** Asks every route, one that changes something included. */
async function askEverything(url: string): Promise<void> {
  for (const path of READ) {
    for (const encoding of ['gzip', 'br', 'identity']) {
      await (await fetch(url + path, { headers: { 'Accept-Encoding': encoding } })).arrayBuffer();
    }
  }
  const headers = { 'Content-Type': 'application/json' };
  const credentials = JSON.stringify({ name: 'demo', password: 'correct horse battery' });
  const login = await fetch(`${url}/api/session`, { method: 'POST', headers, body: credentials });
  expect(login.status).toBe(201);
  const cookie = login.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
  const change = {
    method: 'PATCH',
    headers: { ...headers, cookie },
    body: JSON.stringify({ city: 'Kyoto' }),
  };
  expect((await fetch(`${url}/api/items/1`, change)).status).toBe(200);
  expect((await fetch(`${url}/api/session`, { headers: { cookie } })).status).toBe(200);
  expect((await fetch(`${url}/api/session`, { method: 'DELETE', headers: { cookie } })).status).toBe(204);
}

/** Start-up may be synchronous, and what Node says about it comes through a pipe. */
async function quiet(process: AppProcess): Promise<void> {
  for (let length = -1; length !== process.stderr.length;) {
    length = process.stderr.length;
    await sleep(200);
  }
}

/** Random bytes come from memory: OpenSSL's generator asks the system for a seed at the start, and waits for nothing. */
const RANDOM = /^ *at randomFillSync \(node:internal\/crypto\/random/;

/** The warnings, each with its stack, but for those of random bytes. */
function warningsIn(stderr: string): string[] {
  return stderr
    .split(/^(?=\(node:\d+\) WARNING)/m)
    .filter((warning) => warning.trim() !== '' && !RANDOM.test(warning.split('\n')[1] ?? ''));
}

/** Node says on stderr when something synchronous is called after the first turn of the event loop. */
async function expectNoSyncIo(env: Record<string, string>): Promise<void> {
  app = new AppProcess({ DEMO_PASSWORD: 'correct horse battery', ...env }, { nodeArgs: ['--trace-sync-io'] });
  const url = await app.url();
  await quiet(app);
  app.stderr = '';
  await askEverything(url);
  await quiet(app);
  expect(warningsIn(app.stderr)).toEqual([]);
}

test('no route does anything synchronous', async () => {
  await expectNoSyncIo({});
});

describeWithRedis('with Redis', (open) => {
  let redis: TestRedis | undefined;
  afterEach(async () => {
    await redis?.stop();
  });

  test('no route does anything synchronous either', async () => {
    redis = await open();
    await expectNoSyncIo({ REDIS_URL: redis.url, REDIS_KEY_PREFIX: 'no-sync-io:' });
  });
});
