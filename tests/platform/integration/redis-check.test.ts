import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { checkRedis } from '../../../src/platform/doctor/redis.ts';
import { createHttpServer } from '../../../src/platform/http/server.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { until } from '../../support/until.ts';
import { testConfig } from '../../support/config.ts';
import { DEMO, WHOLE_APP } from '../../support/whole-app.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { freePort, RedisServer } from '../../support/redis-server.ts';
import { createTestApp } from '../../support/test-app.ts';

/** Of our keys and channels. */
const PREFIX = testConfig().REDIS_KEY_PREFIX;

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The whole app on this Redis, listening. */
async function start(redisUrl: string, env: Record<string, string> = {}) {
  const made = await createTestApp({ REDIS_URL: redisUrl, ...env }, WHOLE_APP);
  closing.push(made.close);
  const server = createHttpServer(made.app, made.config, createLogger(made.config, made.log)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const readyz = async () => (await (await fetch(`${url}/readyz`)).json()) as Record<string, unknown>;
  const logIn = async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/session`, {
      method: 'POST',
      headers,
      body: JSON.stringify(DEMO),
    });
    return { status: response.status, cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '' };
  };
  const status = async (path: string, cookie = '') =>
    (await fetch(url + path, { headers: { cookie } })).status;
  const logged = (text: RegExp) =>
    made.log.lines.filter(({ reason, role }) => role === 'commands' && text.test(String(reason)));
  return { ...made, readyz, logIn, status, logged };
}

describeWithRedisServer('what REDIS_URL asks for', () => {
  let redis: RedisServer;
  let admin: Redis;
  const socket = join(tmpdir(), `redis-check-${process.pid}.sock`);

  beforeAll(async () => {
    redis = await RedisServer.start('--unixsocket', socket);
    admin = new Redis(redis.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
  });

  /** A user of Redis, deleted after the test. */
  const user = async (name: string, ...rules: string[]) => {
    await admin.acl('SETUSER', name, 'reset', 'on', '>pass', ...rules);
    closing.push(() => admin.acl('DELUSER', name));
    return `redis://${name}:pass@127.0.0.1:${redis.port}`;
  };

  describe('a database that can not be selected', () => {
    const expectDown = async (app: Awaited<ReturnType<typeof start>>, reason: RegExp, code = reason) => {
      await until(async () => reason.test(String((await app.readyz()).reason)));
      expect(await app.readyz()).toMatchObject({ status: 'degraded', store: 'down' });
      expect(app.stores.isUp()).toBe(false);
      expect(app.logged(code).length).toBeGreaterThan(0);
      const before = await admin.dbsize();
      expect((await app.logIn()).status).toBe(503);
      expect(await app.status('/api/items')).toBe(200);
      expect(await admin.dbsize()).toBe(before);
    };

    test.each([
      ['over TCP', () => `redis://127.0.0.1:${redis.port}/99`],
      ['over a Unix socket', () => `unix://${socket}?db=99`],
    ])('is no database 0: the store is down and says why (%s)', async (_how, url) => {
      await expectDown(await start(url()), /DB index is out of range/);
    });

    test('is used as soon as it may be', async () => {
      const url = await user('noselect', '+@all', '-select', '~*', '&*');
      const app = await start(`${url}/1`);
      await expectDown(app, /NOPERM/);
      await admin.acl('SETUSER', 'noselect', '+select');
      await until(() => app.stores.isUp() === true);
      expect((await app.logIn()).status).toBe(201);
      expect(await app.readyz()).toEqual({ status: 'ready', store: 'up' });
      expect(await app.stores.redis?.client.client('INFO')).toContain(' db=1 ');
    });
  });

  test.each([
    ['a wrong password', 'redis://default:wrong', /WRONGPASS/],
    ['a user that is not there', 'redis://nobody:pass', /WRONGPASS/],
  ])('%s: the store is down and says why', async (_what, login, reason) => {
    await admin.acl('SETUSER', 'default', '>right');
    closing.push(() => admin.acl('SETUSER', 'default', 'nopass'));
    await admin.acl('SETUSER', 'default', 'resetpass', '>right');
    const app = await start(`${login}@127.0.0.1:${redis.port}`);
    await until(async () => reason.test(String((await app.readyz()).reason)));
    expect(app.stores.isUp()).toBe(false);
    expect(app.logged(reason)).toHaveLength(1);
    expect(JSON.stringify([app.log.lines, await app.readyz()])).not.toContain('wrong@');
  });

  test.each([
    ['no keys of ours', ['+@all', '~other:*', '&*'], /^SET, GET, EVAL, DEL: NOPERM$/],
    ['our keys for reading only', ['+@all', `%R~${PREFIX}*`, '&*'], /^SET, EVAL, DEL: NOPERM$/],
    ['our keys for writing only', ['+@all', `%W~${PREFIX}*`, '&*'], /NOPERM$/],
    ['no scripts', ['+@all', '-eval', `~${PREFIX}*`, '&*'], /^EVAL: NOPERM$/],
    ['no deleting', ['+@all', '-del', `~${PREFIX}*`, '&*'], /^DEL: NOPERM$/],
    [
      'reading commands only',
      ['+@read', '+@connection', '+@pubsub', '+info', `~${PREFIX}*`, '&*'],
      /^SET, EVAL, DEL: NOPERM$/,
    ],
  ])(
    'a user with rights on %s: the store is down, says why, and comes back with the rights',
    async (_what, rules, reason) => {
      const app = await start(await user('limited', ...rules));
      expect(await app.readyz()).toEqual({
        status: 'degraded',
        store: 'down',
        reason: expect.stringMatching(reason),
      });
      expect(app.logged(/NOPERM/)).toHaveLength(1);
      expect(await app.status('/api/items')).toBe(200);
      expect((await app.logIn()).status).toBe(503);
      await admin.acl('SETUSER', 'limited', '+@all', `~${PREFIX}*`);
      await until(async () => (await app.readyz()).status === 'ready');
      expect((await app.logIn()).status).toBe(201);
    },
  );

  test.each([
    ['no publishing', ['-publish', '&*'], /^PUBLISH: NOPERM$/],
    ['no subscribing', ['-subscribe', '&*'], /^SUBSCRIBE: NOPERM$/],
    ['no channels', ['resetchannels'], /^PUBLISH: NOPERM$/],
    ["another app's channels", ['resetchannels', '&other:*'], /^PUBLISH: NOPERM$/],
  ])(
    'a user with rights on %s: sessions and data work, and /readyz says what does not',
    async (_what, rules, reason) => {
      const url = await user('channels', '+@all', `~${PREFIX}*`, ...rules);
      const app = await start(url);
      await until(async () => reason.test(String((await app.readyz()).reason)));
      expect(await app.readyz()).toMatchObject({ status: 'degraded', store: 'up' });
      expect(app.log.lines.filter((line) => String(line.reason).includes('NOPERM'))).not.toHaveLength(0);
      const { status, cookie } = await app.logIn();
      expect(status).toBe(201);
      expect(await app.status('/api/session', cookie)).toBe(200);
      const problems = await checkRedis(testConfig({ REDIS_URL: url }));
      expect(problems).not.toHaveLength(0);
      for (const problem of problems) expect(problem).toMatch(/(?:PUBLISH|SUBSCRIBE) of our .*NOPERM/);
      await admin.acl('SETUSER', 'channels', '+@all', 'resetchannels', `&${PREFIX}*`);
      await until(async () => (await app.readyz()).status === 'ready');
      expect(await checkRedis(testConfig({ REDIS_URL: url }))).toEqual([]);
    },
  );

  test('rights that are taken away while connected are noticed with the first refusal', async () => {
    const app = await start(await user('revoked', '+@all', `~${PREFIX}*`, '&*'));
    const { cookie } = await app.logIn();
    expect(await app.readyz()).toEqual({ status: 'ready', store: 'up' });
    await admin.acl('SETUSER', 'revoked', 'resetkeys', '~other:*');
    await until(async () => {
      await app.status('/api/session', cookie);
      return (await app.readyz()).store === 'down';
    });
    await admin.acl('SETUSER', 'revoked', `~${PREFIX}*`);
    await until(async () => (await app.status('/api/session', cookie)) === 200);
    expect(await app.readyz()).toEqual({ status: 'ready', store: 'up' });
  });

  test.each([
    ['has no memory left', ['maxmemory', '1'], ['maxmemory', '0'], /OOM/],
    ['has too few replicas', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0'], /NOREPLICAS/],
  ])(
    'a Redis that %s refuses writes: reads go on, and /readyz says so',
    async (_why, refuse, accept, reason) => {
      const app = await start(redis.url);
      const { cookie } = await app.logIn();
      await admin.config('SET', ...(refuse as [string, string]));
      closing.push(() => admin.config('SET', ...(accept as [string, string])));
      await until(async () => {
        await app.logIn();
        return reason.test(String((await app.readyz()).reason));
      });
      expect(await app.readyz()).toMatchObject({ status: 'degraded', store: 'up' });
      expect(await app.status('/api/session', cookie)).toBe(200);
      await admin.config('SET', ...(accept as [string, string]));
      await until(async () => (await app.readyz()).status === 'ready');
    },
  );

  test('checkRedis names what is wrong, one line each, and leaves nothing behind', async () => {
    const check = (url: string) => checkRedis(testConfig({ REDIS_URL: url, REDIS_KEY_PREFIX: 'doctor:' }));
    expect(await checkRedis(testConfig())).toEqual([]);
    expect(await check(redis.url)).toEqual([]);
    expect(await check(`${redis.url}/99`)).toEqual([expect.stringContaining('DB index is out of range')]);
    expect(await check(await user('prefix', '+@all', '~other:*', '&*'))).toEqual([
      expect.stringContaining('NOPERM'),
    ]);
    expect(await check(`redis://nobody:secret@127.0.0.1:${redis.port}`)).toEqual([
      expect.stringMatching(/WRONGPASS(?!.*secret)/),
    ]);
    const port = await freePort();
    for (const scheme of ['redis', 'redis+cluster']) {
      expect(await check(`${scheme}://127.0.0.1:${port}`)).toEqual([expect.stringContaining('ECONNREFUSED')]);
    }
    expect(await check(`redis+sentinel://127.0.0.1:${port}/main`)).toEqual([
      expect.stringContaining('ECONNREFUSED'),
    ]);
    expect(await admin.keys('doctor:*')).toEqual([]);
  });

  test.each(['redis+cluster://127.0.0.1:PORT', 'redis+sentinel://127.0.0.1:PORT/main'])(
    '%s without a server: the log has the real error',
    async (form) => {
      const app = await start(form.replace('PORT', String(await freePort())));
      await until(() => app.logged(/ECONNREFUSED/).length === 1);
      await until(async () => (await app.readyz()).reason === 'ECONNREFUSED');
      expect(app.stores.isUp()).toBe(false);
    },
  );
});
