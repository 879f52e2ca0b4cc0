import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createCache } from '../../../src/platform/cache/layered.ts';
import { connectRedis } from '../../../src/platform/redis/connection.ts';
import { heldLoad, newPrefix, silent, startInstance, until, type Instance } from '../../support/caches.ts';
import { testConfig } from '../../support/config.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { LogLines } from '../../support/http.ts';
import { freePort, RedisServer } from '../../support/redis-server.ts';
import { timed } from '../../support/timing.ts';

const options = { ttl: 60, stale: 60, tags: ['tag'] };
const failing = () => {
  throw new Error('must not load');
};

/** Redis behind a connection that can go silent without being closed, like one a firewall forgot. */
async function startTunnel(port: number) {
  let silentNow = false;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const forgotten = silentNow;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined).on('close', () => to.destroy());
      from.on('data', (bytes) => {
        if (forgotten || !silentNow) to.write(bytes);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Connections that are open now say nothing any more; new ones work. */
    forget: () => {
      silentNow = true;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describeWithRedisServer('while Redis', () => {
  let server: RedisServer;
  let prefix: string;
  let a: Instance;
  let b: Instance;

  beforeEach(async () => {
    server = await RedisServer.start();
    prefix = newPrefix();
    [a, b] = await Promise.all([startInstance(server.url, prefix), startInstance(server.url, prefix)]);
  });
  afterEach(async () => {
    server.resume();
    await Promise.all([a.close(), b.close()]);
    await server.stop();
  });

  const inRedis = async (key: string) => (await b.cache.fetch(key, options, () => 'x')).state === 'HIT';

  test('is killed, look-ups are misses that load at once, and after its restart it is used again', async () => {
    await a.cache.wrap('key', options, () => 'before');
    await server.kill();
    await until(() => !a.redis.isUp());
    // Memory counts for a second more: purges can't be heard now.
    await sleep(1100);
    expect(
      await timed(async () => {
        expect(await a.cache.fetch('key', options, () => 'during')).toMatchObject({
          value: 'during',
          state: 'MISS',
        });
      }),
    ).toBeLessThan(500);
    await expect(a.cache.wrap('broken', options, failing)).rejects.toThrow('must not load');
    await server.restart();
    await until(() => a.redis.isUp() && b.redis.isUp());
    await a.cache.wrap('again', options, () => 'after');
    await until(() => inRedis('again'));
  });

  test('is killed, one process still loads a key once at a time', async () => {
    await server.kill();
    await until(() => !a.redis.isUp());
    const slow = heldLoad('value');
    const asked = Array.from({ length: 20 }, () => a.cache.wrap('key', options, slow.load));
    await sleep(20);
    slow.finish();
    await Promise.all(asked);
    expect(slow.count).toBe(1);
  });

  test('hangs, no look-up waits for more than about one command, and most for none', async () => {
    await a.cache.wrap('held', options, () => 'held');
    server.hang();
    expect(await timed(() => a.cache.wrap('held', options, failing))).toBeLessThan(100);
    expect(await timed(() => a.cache.wrap('first', options, () => 1))).toBeLessThan(1000);
    expect(await timed(() => a.cache.wrap('second', options, () => 1))).toBeLessThan(100);
    server.resume();
    await until(() => a.redis.isUp() && b.redis.isUp());
    await until(async () => {
      await a.cache.wrap(`again ${Math.random()}`, options, () => 1);
      return (await b.redis.client.keys(`${prefix}cache:*:entry:*`)).length > 1;
    });
  });

  test('hangs in the middle of a load, the answer does not wait for it', async () => {
    const slow = heldLoad('value');
    const asked = a.cache.wrap('key', options, slow.load);
    await until(() => slow.count === 1);
    server.hang();
    slow.finish();
    expect(await timed(() => asked)).toBeLessThan(200);
  });

  test('is away, a purge takes effect here, and everywhere when it is back', async () => {
    await a.cache.wrap('key', options, () => 'old');
    await until(async () => (await b.cache.wrap('key', options, failing)) === 'old');
    server.hang();
    expect(await timed(() => a.cache.purgeTag('tag'))).toBeLessThan(1000);
    expect(await a.cache.wrap('key', options, () => 'new')).toBe('new');
    server.resume();
    await until(async () => (await b.cache.wrap('key', options, () => 'newer')) === 'newer');
  });

  test.each([
    ['is a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    [
      'has too few replicas',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
  ])(
    'refuses writes, for it %s: reads go on, a purge waits, and the log says so once',
    async (_why, refuse, accept) => {
      const log = new LogLines();
      const c = await startInstance(server.url, prefix, { logger: pino({ level: 'info' }, log) });
      try {
        await c.cache.wrap('key', options, () => 'old');
        await until(async () => (await b.cache.wrap('key', options, failing)) === 'old');
        await b.redis.client.call(...(refuse as [string]));
        log.lines.length = 0;
        await c.cache.purgeKey('key');
        let answered = 0;
        for (let asked = 0; asked < 100; asked++) {
          answered += await c.redis.client.ping().then(
            () => 1,
            () => 0,
          );
          await sleep(20);
        }
        // It connects anew in case there is another master: twice in these two seconds, a third of a second each.
        expect(answered).toBeGreaterThanOrEqual(50);
        const said = (text: string) => log.lines.filter(({ msg }) => String(msg).includes(text));
        expect(said('a cache purge waits')).toHaveLength(1);
        expect(said('redis is down').length).toBeLessThanOrEqual(2);
        await b.redis.client.call(...(accept as [string]));
        await until(async () => (await b.cache.wrap('key', options, () => 'new')) === 'new', 10_000);
        expect(said('redis accepts cache purges again')).toHaveLength(1);
      } finally {
        await c.close();
      }
    },
    30_000,
  );

  /** What each may meet while a load is under way: the load may have fallen back to something older. */
  const failures: [string, (instance: Instance) => Promise<unknown>][] = [
    [
      'loses its command connection',
      (it) => {
        it.redis.client.disconnect(true);
        return until(() => !it.redis.isUp());
      },
    ],
    [
      'has its command connection cut by Redis',
      async (it) => {
        const id = /^id=(\d+)/.exec(await it.redis.client.client('INFO'))?.[1] ?? '';
        await b.redis.client.client('KILL', 'ID', id);
        await until(() => !it.redis.isUp());
      },
    ],
    [
      'is refused a command',
      async (it) => {
        await b.redis.client.config('SET', 'min-replicas-to-write', '1');
        await expect(it.redis.client.set(`${prefix}x`, '1')).rejects.toThrow('NOREPLICAS');
        await b.redis.client.config('SET', 'min-replicas-to-write', '0');
      },
    ],
    [
      'gets no response',
      async (it) => {
        server.hang();
        await it.redis.client.get('x').catch(() => undefined);
        server.resume();
      },
    ],
  ];

  test.each(failures)(
    'is there, and a process %s during a load: what it brought is not kept',
    async (_what, fail) => {
      const slow = heldLoad('fallback');
      const asked = a.cache.wrap('key', options, slow.load);
      await until(() => slow.count === 1);
      await fail(a);
      slow.finish();
      expect(await asked).toBe('fallback');
      await until(() => a.redis.isUp() && b.redis.isUp());
      expect(await b.cache.wrap('key', options, () => 'right')).toBe('right');
      expect(await a.cache.wrap('key', options, () => 'right')).toBe('right');
    },
  );

  test.each(failures.slice(0, 2))(
    'is there, and a process %s: what it loads meanwhile is stale when it is back',
    async (_what, fail) => {
      await fail(a);
      expect(await a.cache.wrap('key', options, () => 'fallback')).toBe('fallback');
      const slow = heldLoad('fallback');
      const asked = a.cache.wrap('slow', options, slow.load);
      await until(() => a.redis.isUp());
      expect(await a.cache.wrap('key', options, () => 'right')).toBe('right');
      expect(await a.cache.wrap('slow', options, () => 'right')).toBe('right');
      slow.finish();
      await asked;
      expect(await a.cache.wrap('slow', options, failing)).toBe('right');
    },
  );

  test('is killed, what is loaded counts for a second at most', async () => {
    await server.kill();
    await until(() => !a.redis.isUp());
    let loads = 0;
    const load = () => ++loads;
    for (let asked = 0; asked < 20; asked++) await a.cache.wrap('key', options, load);
    expect(loads).toBeLessThan(20);
    const before = loads;
    await until(async () => (await a.cache.wrap('key', options, load)) > before, 1500);
  });

  test('comes back within the wait of a purge, the purge is confirmed; else not', async () => {
    a.redis.client.disconnect(true);
    await until(() => !a.redis.isUp());
    expect(await a.cache.purgeTag('tag')).toBe(true);
    await server.kill();
    await until(() => !a.redis.isUp());
    expect(await a.cache.purgeTag('tag')).toBe(false);
  });

  test('is there, each process knows when a tag was purged last, by itself or another one', async () => {
    expect([a.cache.purgedAt('tag'), b.cache.purgedAt('tag')]).toEqual([-Infinity, -Infinity]);
    const before = performance.now();
    await a.cache.purgeTag('tag');
    expect(a.cache.purgedAt('tag')).toBeGreaterThan(before);
    await until(() => b.cache.purgedAt('tag') > before);
    expect(b.cache.purgedAt('other')).toBe(-Infinity);
    b.subscriber.client.disconnect(true);
    // It may have missed any while nobody listened.
    await until(() => b.cache.purgedAt('other') > before);
  });

  test('loses the connection that hears purges, memory counts for less than a second', async () => {
    await b.cache.wrap('key', options, () => 'old');
    await until(async () => (await a.cache.wrap('key', options, failing)) === 'old');
    b.subscriber.client.disconnect();
    await a.cache.purgeTag('tag');
    const purgedAt = performance.now();
    await until(async () => (await b.cache.wrap('key', options, () => 'new')) === 'new');
    expect(performance.now() - purgedAt).toBeLessThan(1000);
  });

  test('can not be heard without anyone noticing, memory counts for a second, and the connection is made anew', async () => {
    const tunnel = await startTunnel(server.port);
    const c = await startInstance(server.url, prefix, { subscriberUrl: tunnel.url });
    try {
      await c.cache.wrap('key', options, () => 'old');
      await sleep(1200);
      tunnel.forget();
      expect(await c.cache.wrap('key', options, failing)).toBe('old');
      await a.cache.purgeTag('tag');
      const purgedAt = performance.now();
      await until(async () => (await c.cache.wrap('key', options, () => 'new')) === 'new');
      expect(performance.now() - purgedAt).toBeLessThan(1000);
      expect(c.subscriber.isUp()).toBe(true);
      await once(c.subscriber.client, 'close');
      await once(c.subscriber.client, 'ready');
      await sleep(700);
      await c.cache.wrap('key', options, failing);
      await sleep(1200);
      // It listens again: memory counts, without a look at Redis.
      c.redis.client.disconnect();
      expect(await c.cache.wrap('key', options, failing)).toBe('new');
    } finally {
      await c.close();
      await tunnel.stop();
    }
  });
});

describeWithRedisServer('a cache without Redis at its start', () => {
  test('loads at once, and shares as soon as Redis is there', async () => {
    const server = RedisServer.notStarted(await freePort(), '/tmp');
    const config = testConfig({ REDIS_URL: server.url });
    const redis = connectRedis(config, silent);
    const subscriber = connectRedis(config, silent, { role: 'subscriber' });
    const cache = createCache({
      redis,
      subscriber,
      logger: silent,
      prefix: newPrefix(),
      maxBytes: 1_000_000,
    });
    expect(await timed(() => cache.wrap('key', options, () => 1))).toBeLessThan(200);
    await server.restart();
    await until(() => redis.isUp() && subscriber.isUp());
    await cache.wrap('other', options, () => 1);
    await until(async () => (await redis.client.dbsize()) > 0);
    await cache.close();
    await Promise.all([redis.close(), subscriber.close()]);
    await server.kill();
  });
});
