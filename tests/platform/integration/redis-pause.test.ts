import { afterEach, expect, test } from '@jest/globals';
import { get, logInAs, serveAccount } from '../../support/account-app.ts';
import { until } from '../../support/until.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { RedisServer } from '../../support/redis-server.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Holds the event loop, as a long computation does. */
function pause(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

async function start() {
  const server = await RedisServer.start();
  closing.push(() => server.stop());
  const app = await serveAccount({ env: { REDIS_URL: server.url } });
  closing.push(app.close);
  return { server, app };
}

describeWithRedisServer('a pause of the process', () => {
  test.each([700, 1500])(
    'of %p ms costs no request its session when Redis is well',
    async (ms) => {
      const { app } = await start();
      const cookie = await logInAs(app.url);
      let downs = 0;
      app.redis?.onChange(() => downs++);
      // At different moments of the requests: before they are sent, on their way to Redis, on their way back.
      for (const turns of [0, 2, 5]) {
        const answers = Array.from({ length: 10 }, () => get(`${app.url}/guarded`, cookie));
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
        pause(ms / (turns % 2 ? 1 : 2));
        await new Promise(setImmediate);
        pause(ms);
        const statuses = (await Promise.all(answers)).map(({ status }) => status);
        expect(statuses).toEqual(Array<number>(10).fill(200));
      }
      expect(downs).toBe(0);
    },
    60_000,
  );

  test('hides no Redis that hangs: its commands are given up all the same', async () => {
    const { server, app } = await start();
    const cookie = await logInAs(app.url);
    server.hang();
    const answer = get(`${app.url}/guarded`, cookie);
    await new Promise(setImmediate);
    pause(700);
    expect((await answer).status).toBe(503);
    expect(app.redis?.isUp()).toBe(false);
    server.resume();
    await until(() => app.redis?.isUp() === true);
    expect((await get(`${app.url}/guarded`, cookie)).status).toBe(200);
  });
});
