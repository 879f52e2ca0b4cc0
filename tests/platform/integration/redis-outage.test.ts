import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHttpServer } from '../../../src/platform/http/server.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { until } from '../../support/until.ts';
import { DEMO, WHOLE_APP } from '../../support/whole-app.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { createTestApp, type TestApp } from '../../support/test-app.ts';

const PUBLIC = ['/', '/api/items', '/api/items/1', '/api/items.csv', '/livez', '/readyz'];

describeWithRedisServer('while Redis is away', () => {
  let redis: RedisServer;
  let made: TestApp;
  let server: Server;
  let url: string;
  let cookie: string;

  beforeAll(async () => {
    redis = await RedisServer.start('--save', '', '--appendonly', 'yes', '--appendfsync', 'always');
  });
  afterAll(() => redis.stop());

  beforeEach(async () => {
    made = await createTestApp({ REDIS_URL: redis.url }, WHOLE_APP);
    server = createHttpServer(made.app, made.config, createLogger(made.config, made.log)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const response = await fetch(`${url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(DEMO),
    });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
    if (response.status !== 201) throw new Error(`log in was answered with ${response.status}`);
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await made.close();
  });

  const ask = async (path: string) => {
    const begun = performance.now();
    const response = await fetch(url + path, { headers: { cookie } });
    await response.arrayBuffer();
    return { status: response.status, ms: performance.now() - begun, headers: response.headers };
  };

  /** Asks again and again until the guarded route knows the user; says how long that took, in milliseconds. */
  async function recovery(): Promise<number> {
    const begun = performance.now();
    while (performance.now() - begun < 10_000) {
      if ((await ask('/api/session')).status === 200) return performance.now() - begun;
      await sleep(20);
    }
    return Infinity;
  }

  describe.each([
    ['killed', () => redis.kill(), () => redis.restart()],
    [
      'hanging',
      () => {
        redis.hang();
      },
      () => {
        redis.resume();
      },
    ],
  ] as const)('(%s)', (_name, takeAway, bringBack) => {
    test('public routes serve, guarded ones say 503 in under 600 ms, and all come back in under 2 s', async () => {
      await takeAway();
      for (let round = 0; round < 2; round++) {
        for (const path of PUBLIC) expect([path, (await ask(path)).status]).toEqual([path, 200]);
        const guarded = await ask('/api/session');
        expect(guarded.status).toBe(503);
        expect(guarded.headers.get('retry-after')).toBe('1');
        expect(guarded.ms).toBeLessThan(600);
      }
      await bringBack();
      expect(await recovery()).toBeLessThan(2000);
    });

    test('the log has one line for each change, not one for each request', async () => {
      await takeAway();
      for (let round = 0; round < 30; round++) await ask('/api/items/1');
      // A Redis that hangs is given up with the first command it does not answer.
      await made.log.waitForLine(
        ({ msg, role }) => role === 'commands' && String(msg).includes('redis is down'),
      );
      await bringBack();
      await recovery();
      const changes = made.log.lines.filter(({ role }) => role === 'commands').map(({ msg }) => msg);
      expect(changes).toEqual(['redis is up', 'redis is down; reconnecting until it is back', 'redis is up']);
    });
  });

  test('/readyz says degraded, and 503 where READY_REQUIRES_REDIS asks for it', async () => {
    await redis.kill();
    const readyz = async () => (await (await fetch(`${url}/readyz`)).json()) as Record<string, unknown>;
    const reason = 'ECONNREFUSED';
    await until(async () => (await readyz()).reason === reason);
    expect(await readyz()).toEqual({
      status: 'degraded',
      store: 'down',
      reason,
    });
    const strict = await createTestApp({ REDIS_URL: redis.url, READY_REQUIRES_REDIS: 'on' });
    const strictServer = createHttpServer(
      strict.app,
      strict.config,
      createLogger(strict.config, strict.log),
    ).listen(0);
    await once(strictServer, 'listening');
    const { port } = strictServer.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      503,
      {
        status: 'unavailable',
        store: 'down',
        reason: expect.stringMatching(/^(?:ECONNREFUSED|unreachable)$/),
      },
    ]);
    strictServer.closeAllConnections();
    strictServer.close();
    await strict.close();
    await redis.restart();
  });

  test('an app starts without Redis, serves, and finds it when it comes', async () => {
    await redis.kill();
    const early = await createTestApp({ REDIS_URL: redis.url });
    expect(early.stores.isUp()).toBe(false);
    await redis.restart();
    for (let attempt = 0; attempt < 100 && !early.stores.isUp(); attempt++) await sleep(20);
    expect(early.stores.isUp()).toBe(true);
    await early.close();
  });
});
