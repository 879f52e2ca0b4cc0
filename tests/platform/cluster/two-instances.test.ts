import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHttpServer } from '../../../src/platform/http/server.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { until } from '../../support/until.ts';
import { DEMO, WHOLE_APP } from '../../support/whole-app.ts';
import { describeWithRedis, type TestRedis } from '../../support/describe-redis.ts';
import { createTestApp, type TestApp } from '../../support/test-app.ts';
import { shortest, timed } from '../../support/timing.ts';

interface Instance extends TestApp {
  readonly url: string;
  readonly server: Server;
}

async function startInstance(env: Record<string, string>): Promise<Instance> {
  const made = await createTestApp(env, WHOLE_APP);
  const logger = createLogger(made.config, made.log);
  const server = createHttpServer(made.app, made.config, logger).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { ...made, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describeWithRedis('two instances on one Redis', (openRedis) => {
  let redis: TestRedis;
  let a: Instance;
  let b: Instance;

  beforeAll(async () => {
    redis = await openRedis();
    const env = {
      REDIS_URL: redis.url,
      REDIS_KEY_PREFIX: `test-${randomUUID()}:`,
      SESSION_SECRETS: 'one secret for both instances, as in production',
    };
    [a, b] = [await startInstance(env), await startInstance(env)];
  });

  afterAll(async () => {
    for (const { server, close } of [a, b]) {
      server.closeAllConnections();
      server.close();
      await close();
    }
    await redis.stop();
  });

  const logIn = (instance: Instance, credentials: object = DEMO) =>
    fetch(`${instance.url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(credentials),
    });

  const cookieOf = (response: Response) => response.headers.get('set-cookie')?.split(';')[0] ?? '';

  test('share a session: logged in on one, known and logged out on the other', async () => {
    const cookie = cookieOf(await logIn(a));
    const whoAmI = (instance: Instance) => fetch(`${instance.url}/api/session`, { headers: { cookie } });
    expect(await (await whoAmI(b)).json()).toMatchObject({ user: { name: 'demo' } });
    expect((await fetch(`${b.url}/api/session`, { method: 'DELETE', headers: { cookie } })).status).toBe(204);
    expect((await whoAmI(a)).status).toBe(401);
  });

  test('share the limit on log-ins', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      const response = await logIn(attempt % 2 ? a : b, { name: 'nobody', password: 'wrong' });
      statuses.push(response.status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  });

  test('see a change made through the other within a second, though both had the list cached', async () => {
    const city = async (instance: Instance) => {
      const body = (await (await fetch(`${instance.url}/api/items?pageSize=1`)).json()) as {
        items: { id: number; city: string }[];
      };
      return body.items[0];
    };
    const cookie = cookieOf(await logIn(a));
    let changes = 0;
    const seen = async () => {
      const [before] = [await city(a), await city(b)];
      const changed = `Changed by a test ${++changes} times`;
      const response = await fetch(`${a.url}/api/items/${String(before?.id)}`, {
        method: 'PATCH',
        headers: { cookie, 'content-type': 'application/json' },
        body: JSON.stringify({ city: changed }),
      });
      expect(response.status).toBe(200);
      const sees = async (instance: Instance) => (await city(instance))?.city === changed;
      return timed(() => until(async () => (await sees(a)) && (await sees(b))));
    };
    expect(await shortest(1000, seen)).toBeLessThan(1000);
  });

  test('load a value once for 50 requests that miss it at the same time', async () => {
    let loads = 0;
    const load = async () => {
      loads += 1;
      await sleep(100);
      return { made: loads };
    };
    const waiting = Array.from({ length: 50 }, (_, n) =>
      (n % 2 ? a : b).stores.cache.wrap('fifty', { ttl: 60, stale: 0, tags: [] }, load),
    );
    expect(new Set((await Promise.all(waiting)).map(({ made }) => made))).toEqual(new Set([1]));
    expect(loads).toBe(1);
  });
});
