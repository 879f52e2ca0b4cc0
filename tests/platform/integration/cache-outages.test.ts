import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createCache } from '../../../src/platform/cache/layered.ts';
import { connectRedis } from '../../../src/platform/redis/connection.ts';
import {
  heartbeat,
  heldLoad,
  newPrefix,
  silent,
  startInstance,
  type Instance,
} from '../../support/caches.ts';
import { time } from '../../support/clock.ts';
import { until } from '../../support/until.ts';
import { testConfig } from '../../support/config.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { LogLines } from '../../support/http.ts';
import { freePort, RedisServer } from '../../support/redis-server.ts';
import { atOnce } from '../../support/timing.ts';
import { startTunnel, type Tunnel } from '../../support/tunnel.ts';

const options = { ttl: 60, stale: 60, tags: ['tag'] };
const failing = () => {
  throw new Error('must not load');
};

describeWithRedisServer('while Redis', () => {
  let server: RedisServer;
  let prefix: string;
  let a: Instance;
  let b: Instance;

  beforeEach(async () => {
    time.start();
    server = await RedisServer.start();
    prefix = newPrefix();
    [a, b] = await Promise.all([startInstance(server.url, prefix), startInstance(server.url, prefix)]);
  });
  afterEach(async () => {
    server.resume();
    await Promise.all([a.close(), b.close()]);
    await server.stop();
    time.restore();
  });

  const inRedis = async (key: string) => (await b.cache.fetch(key, options, () => 'x')).state === 'HIT';

  test('is killed, look-ups are misses that load at once, and after its restart it is used again', async () => {
    await a.cache.wrap('key', options, () => 'before');
    await server.kill();
    await until(() => !a.redis.isUp());
    // Memory is used for a second more: purges cannot be received.
    time.pass(1000);
    expect(await atOnce(() => a.cache.fetch('key', options, () => 'during'))).toMatchObject({
      value: 'during',
      state: 'MISS',
    });
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
    await until(() => slow.count > 0);
    slow.finish();
    await Promise.all(asked);
    expect(slow.count).toBe(1);
  });

  test('hangs, no look-up waits for more than about one command, and most for none', async () => {
    await a.cache.wrap('held', options, () => 'held');
    server.hang();
    expect(await atOnce(() => a.cache.wrap('held', options, failing))).toBe('held');
    expect(await a.cache.wrap('first', options, () => 1)).toBe(1);
    expect(await atOnce(() => a.cache.wrap('second', options, () => 2))).toBe(2);
    server.resume();
    await until(() => a.redis.isUp() && b.redis.isUp());
    await until(async () => {
      await a.cache.wrap(`again ${Math.random()}`, options, () => 1);
      return (await b.redis.client.keys(`${prefix}cache:*:entry:*`)).length > 1;
    });
  });

  test('hangs in the middle of a load, the response does not wait for it', async () => {
    const slow = heldLoad('value');
    const asked = a.cache.wrap('key', options, slow.load);
    await until(() => slow.count === 1);
    server.hang();
    slow.finish();
    expect(await atOnce(() => asked)).toBe('value');
  });

  test('is away, a purge takes effect here, and everywhere when it is back', async () => {
    await a.cache.wrap('key', options, () => 'old');
    await until(async () => (await b.cache.wrap('key', options, failing)) === 'old');
    server.hang();
    // Although Redis still hangs.
    expect(await a.cache.purgeTag('tag')).toBe(false);
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
        let closed = 0;
        c.redis.client.on('close', () => closed++);
        log.lines.length = 0;
        const begun = performance.now();
        await b.redis.client.call(...(refuse as [string]));
        await c.cache.purgeKey('key');
        let reads = 0;
        await until(async () => {
          reads += await c.redis.client.ping().then(
            () => 1,
            () => 0,
          );
          return reads >= 100;
        }, 15_000);
        const seconds = (performance.now() - begun) / 1000;
        // It reconnects in case there is another master: with pauses that double, from a second on.
        expect(closed).toBeLessThanOrEqual(Math.ceil(Math.log2(seconds + 1)) + 1);
        const logged = (text: string) =>
          log.lines.filter(({ msg, role }) => role !== 'subscriber' && String(msg).includes(text));
        expect(logged('a cache purge waits')).toHaveLength(1);
        expect(logged('redis is down').length).toBeLessThanOrEqual(closed);
        await b.redis.client.call(...(accept as [string]));
        await until(async () => (await b.cache.wrap('key', options, () => 'new')) === 'new', 10_000);
        expect(logged('redis accepts cache purges again')).toHaveLength(1);
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

  test('is killed, what is loaded is used for a second at most', async () => {
    await server.kill();
    await until(() => !a.redis.isUp());
    let loads = 0;
    const load = () => ++loads;
    for (let asked = 0; asked < 20; asked++) await a.cache.wrap('key', options, load);
    expect(loads).toBeLessThan(20);
    const before = loads;
    time.pass(900);
    expect(await a.cache.wrap('key', options, load)).toBe(before + 1);
  });

  test('comes back within the wait of a purge, the purge is confirmed; else not', async () => {
    a.redis.client.disconnect(true);
    await until(() => !a.redis.isUp());
    expect(await a.cache.purgeTag('tag')).toBe(true);
    await server.kill();
    await until(() => !a.redis.isUp());
    expect(await a.cache.purgeTag('tag')).toBe(false);
  });

  test('is there, each process reports when a tag was purged last, by itself or another one', async () => {
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

  test('loses the connection that receives purges, memory is used for less than a second', async () => {
    await b.cache.wrap('key', options, () => 'old');
    await until(async () => (await a.cache.wrap('key', options, failing)) === 'old');
    b.subscriber.client.disconnect();
    await until(() => !b.subscriber.isUp());
    await a.cache.purgeTag('tag');
    time.pass(900);
    expect(await b.cache.wrap('key', options, () => 'new')).toBe('new');
  });

  test('is cut off without an event, memory is used for less than a second, and the connection is replaced', async () => {
    const tunnel = await startTunnel(server.port);
    const c = await startInstance(server.url, prefix, { subscriberUrl: tunnel.url });
    try {
      await c.cache.wrap('key', options, () => 'old');
      await until(() => inRedis('key'));
      tunnel.forget();
      expect(await c.cache.wrap('key', options, failing)).toBe('old');
      await a.cache.purgeTag('tag');
      time.pass(900);
      const replaced = once(c.subscriber.client, 'close');
      expect(c.subscriber.isUp()).toBe(true);
      expect(await c.cache.wrap('key', options, () => 'new')).toBe('new');
      await replaced;
      // Up is not yet subscribed, and what is read before that is not used from memory.
      await heartbeat(c);
      await c.cache.wrap('key', options, failing);
      // It listens again: memory is used without a look into Redis, though the last look was long ago.
      time.pass(900);
      await heartbeat(c);
      c.redis.client.disconnect();
      expect(await atOnce(() => c.cache.wrap('key', options, failing))).toBe('new');
    } finally {
      await c.close();
      await tunnel.stop();
    }
  });

  describe('is cut off, and a purge comes meanwhile:', () => {
    let tunnels: { commands: Tunnel; subscriber: Tunnel };
    let c: Instance;

    beforeEach(async () => {
      const [commands, subscriber] = await Promise.all([startTunnel(server.port), startTunnel(server.port)]);
      tunnels = { commands, subscriber };
      c = await startInstance(commands.url, prefix, { subscriberUrl: subscriber.url });
    });
    afterEach(async () => {
      await c.close();
      await Promise.all([tunnels.commands.stop(), tunnels.subscriber.stop()]);
    });

    test.each([
      ['subscriber', 'commands'],
      ['commands', 'subscriber'],
    ] as const)('with the connection "%s" back before "%s", nothing old is used', async (first, second) => {
      const connections = { commands: c.redis, subscriber: c.subscriber };
      await c.cache.wrap('key', options, () => 'old');
      // Nobody asks for it during the outage, so it is in memory all the time.
      await c.cache.wrap('other', options, () => 'old');
      await until(async () => (await a.cache.wrap('key', options, failing)) === 'old');
      tunnels.commands.cut();
      tunnels.subscriber.cut();
      await until(() => !c.redis.isUp() && !c.subscriber.isUp());
      expect(await a.cache.purgeTag('tag')).toBe(true);
      const purgedAt = performance.now();
      expect(await a.cache.wrap('key', options, () => 'new')).toBe('new');
      await until(() => inRedis('key'));
      time.pass(900);
      const values = new Set<string>();
      const look = async () => {
        values.add(await c.cache.wrap('key', options, () => 'fallback'));
      };
      await look();

      tunnels[first].open();
      await until(async () => {
        await look();
        return connections[first].isUp();
      });
      // A repository may fall back to what it read last: only with both connections can it be read anew.
      expect(c.cache.purgedAt('tag')).toBe(-Infinity);

      tunnels[second].open();
      await until(async () => {
        await look();
        return connections[second].isUp() && c.cache.purgedAt('tag') > purgedAt;
      });
      for (let beat = 0; beat < 2; beat++) {
        await heartbeat(c);
        expect(await c.cache.wrap('key', options, () => 'fallback')).toBe('new');
      }
      expect(await c.cache.wrap('other', options, () => 'new')).toBe('new');
      expect([...values]).not.toContain('old');
    });
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
    expect(await atOnce(() => cache.wrap('key', options, () => 1))).toBe(1);
    await server.restart();
    await until(() => redis.isUp() && subscriber.isUp());
    await cache.wrap('other', options, () => 1);
    await until(async () => (await redis.client.dbsize()) > 0);
    await cache.close();
    await Promise.all([redis.close(), subscriber.close()]);
    await server.kill();
  });
});
