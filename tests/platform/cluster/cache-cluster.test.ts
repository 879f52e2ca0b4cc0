import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { newPrefix, startInstance, type Instance } from '../../support/caches.ts';
import { time } from '../../support/clock.ts';
import { until } from '../../support/until.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { RedisServer } from '../../support/redis-server.ts';

/** One node with all slots: it refuses commands over several slots as a large cluster does. */
describeWithRedisServer('on a Redis Cluster', () => {
  const options = { ttl: 60, stale: 60, tags: ['one', 'two'] };
  let server: RedisServer;
  let a: Instance;
  let b: Instance;

  beforeAll(async () => {
    time.start();
    server = await RedisServer.start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    const admin = new Redis(server.port);
    await admin.cluster('ADDSLOTSRANGE', 0, 16383);
    await until(async () => (await admin.cluster('INFO')).includes('cluster_state:ok'));
    admin.disconnect();
    const url = server.url.replace('redis:', 'redis+cluster:');
    const prefix = newPrefix();
    [a, b] = await Promise.all([startInstance(url, prefix), startInstance(url, prefix)]);
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    await server.stop();
    time.restore();
  });

  test('two processes share what one loaded, and both see a purge', async () => {
    await a.cache.wrap('key', options, () => 'old');
    await until(async () => (await b.cache.fetch('key', options, () => 'mine')).state === 'HIT');
    await a.cache.purgeTag('two');
    time.pass(1000);
    expect(await b.cache.wrap('key', options, () => 'new')).toBe('new');
    await b.cache.purgeKey('key');
    expect(await b.cache.wrap('key', options, () => 'newest')).toBe('newest');
  });

  test('a key is loaded once for both', async () => {
    let count = 0;
    const load = async () => {
      count++;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return 1;
    };
    await Promise.all([a, b, a, b].map(({ cache }) => cache.wrap('once', options, load)));
    expect(count).toBe(1);
  });
});
