import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { heartbeat, heldLoad, newPrefix, startInstance, type Instance } from '../../support/caches.ts';
import { time } from '../../support/clock.ts';
import { until } from '../../support/until.ts';
import { describeWithRedis, type TestRedis } from '../../support/describe-redis.ts';

const options = { ttl: 60, stale: 60, tags: ['tag'] };
const failing = () => {
  throw new Error('must not load');
};

describeWithRedis('two processes on one Redis', (open) => {
  let redis: TestRedis;
  let prefix: string;
  let a: Instance;
  let b: Instance;

  beforeAll(async () => {
    redis = await open();
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    time.start();
    prefix = newPrefix();
    [a, b] = await Promise.all([startInstance(redis.url, prefix), startInstance(redis.url, prefix)]);
  });
  afterEach(async () => {
    await Promise.all([a.close(), b.close()]);
    time.restore();
  });

  /** Waits until a value that `a` loaded is in Redis too. */
  const shared = async (key: string) => {
    await until(async () => (await a.redis.client.keys(`${prefix}cache:*:entry:*${key}`)).length === 1);
  };

  const locks = () => a.redis.client.keys(`${prefix}cache:*:lock:*`);

  const callsOf = async (...names: string[]) => {
    const info = await a.redis.client.info('commandstats');
    const calls = [...info.matchAll(/cmdstat_(\w+):calls=(\d+)/g)];
    return calls.reduce(
      (sum, [, name, count]) => (names.includes(name ?? '') ? sum + Number(count) : sum),
      0,
    );
  };
  const commandsOf = () => callsOf('get', 'set', 'eval', 'mget');

  test('share what one of them loaded, byte by byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await a.cache.wrap('key', options, () => ({ bytes }));
    await shared('key');
    const got = await b.cache.fetch<{ bytes: Buffer }>('key', options, failing);
    expect(got.state).toBe('HIT');
    expect(Buffer.isBuffer(got.value.bytes)).toBe(true);
    expect(got.value.bytes.equals(bytes)).toBe(true);
  });

  test('ask Redis nothing for a hit in memory', async () => {
    await a.cache.wrap('key', options, () => 1);
    await shared('key');
    await until(async () => (await locks()).length === 0);
    const before = await commandsOf();
    for (let i = 0; i < 100; i++) await a.cache.wrap('key', options, failing);
    expect((await commandsOf()) - before).toBe(0);
  });

  test('load once for 50 who ask both at the same time', async () => {
    const slow = heldLoad('value');
    const before = await callsOf('eval');
    const asked = Array.from({ length: 50 }, (_, i) => (i % 2 ? a : b).cache.wrap('key', options, slow.load));
    // Both have asked for the lock.
    await until(async () => slow.count > 0 && (await callsOf('eval')) - before >= 2);
    expect(slow.count).toBe(1);
    slow.finish();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['value']));
    expect(slow.count).toBe(1);
  });

  test('refresh a stale value in one of them, while both give out the old one', async () => {
    const brief = { ttl: 0.05, stale: 60, tags: ['tag'] };
    await a.cache.wrap('key', brief, () => 'old');
    await shared('key');
    await sleep(60);
    const slow = heldLoad('new');
    for (let i = 0; i < 10; i++) {
      const states = [a, b].map(async ({ cache }) => (await cache.fetch('key', options, slow.load)).state);
      expect(await Promise.all(states)).toEqual(['STALE', 'STALE']);
      await sleep(10);
    }
    expect(slow.count).toBe(1);
    slow.finish();
    for (const { cache } of [a, b])
      await until(async () => (await cache.fetch('key', options, failing)).value === 'new');
    expect(slow.count).toBe(1);
  });

  test('see a purge of either within a second', async () => {
    let version = 0;
    const current = () => `version ${version}`;
    const both = () => Promise.all([a, b].map(({ cache }) => cache.wrap('key', options, current)));
    const bothAreCurrent = async () => (await both()).every((value) => value === current());
    for (const purge of [() => a.cache.purgeTag('tag'), () => b.cache.purgeKey('key')]) {
      await until(bothAreCurrent);
      version++;
      expect(await both()).not.toContain(current());
      await purge();
      time.pass(1000);
      expect(await both()).toEqual([current(), current()]);
    }
  });

  test('see a purge that came while their connection for purges was cut', async () => {
    await a.cache.wrap('key', options, () => 'old');
    await shared('key');
    await b.cache.wrap('key', options, failing);
    b.subscriber.client.disconnect(true);
    await until(() => !b.subscriber.isUp());
    await a.cache.purgeKey('key');
    await until(() => b.subscriber.isUp());
    // It receives all purges again.
    await heartbeat(b);
    expect(await b.cache.wrap('key', options, () => 'new')).toBe('new');
  });

  test('survive a Redis that goes again in the moment in which they listen to it anew', async () => {
    const { client } = b.subscriber;
    const subscribe = client.subscribe.bind(client);
    let refusals = 0;
    // As ioredis rejects it where the connection has just gone. An unhandled rejection fails this test, and would end a process.
    client.subscribe = () => {
      refusals++;
      return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    };
    client.disconnect(true);
    await until(() => refusals > 0 && b.subscriber.isUp());
    await sleep(50);
    expect(refusals).toBeGreaterThan(0);
    client.subscribe = subscribe;
    await b.cache.wrap('key', options, () => 'old');
    await heartbeat(b);
    await a.cache.purgeKey('key');
    await until(async () => (await b.cache.wrap('key', options, () => 'new')) === 'new');
  });

  test('never give out what was being loaded when a purge came', async () => {
    const before = heldLoad('old');
    const early = a.cache.wrap('key', options, before.load);
    await until(() => before.count === 1);
    await b.cache.purgeTag('tag');
    // Without waiting for the load that is under way.
    expect(await b.cache.wrap('key', options, () => 'new')).toBe('new');
    before.finish();
    expect(await early).toBe('old');
    await sleep(100);
    // Loaded once more where b heard its own purge during the load; what was loaded before it never comes back.
    for (const { cache } of [a, b]) expect(await cache.wrap('key', options, () => 'new')).toBe('new');
  });

  test('a purged key is loaded anew, though a load from before the purge ends after it', async () => {
    const before = heldLoad('old');
    const early = a.cache.wrap('key', options, before.load);
    await until(() => before.count === 1);
    await a.cache.purgeKey('key');
    before.finish();
    await early;
    await sleep(100);
    for (const { cache } of [b, a]) expect(await cache.wrap('key', options, () => 'new')).toBe('new');
  });

  test('a tag whose version Redis lost brings nothing back', async () => {
    await a.cache.wrap('key', options, () => 'old');
    await shared('key');
    await a.cache.purgeTag('tag');
    const versions = await a.redis.client.keys(`${prefix}cache:*:version:*`);
    expect(versions).not.toHaveLength(0);
    await Promise.all(versions.map((name) => a.redis.client.del(name)));
    expect(await b.cache.wrap('key', options, () => 'new')).toBe('new');
  });

  test('an entry that can not be read is a miss', async () => {
    await a.cache.wrap('key', options, () => 'fine');
    await shared('key');
    const [name = ''] = await a.redis.client.keys(`${prefix}cache:*:entry:*`);
    for (const bytes of [Buffer.from('no entry'), Buffer.from([255, 99, 1]), Buffer.alloc(0)]) {
      await a.redis.client.set(name, bytes);
      const got = await b.cache.fetch('key', options, () => 'loaded');
      expect(got).toMatchObject({ value: 'loaded', state: 'MISS' });
      await until(async () => ((await a.redis.client.getBuffer(name))?.length ?? 0) > 20);
      await b.cache.purgeKey('key');
    }
  });

  test('garbage on the purge channel does no harm', async () => {
    await a.cache.wrap('key', options, () => 'fine');
    const [channel = ''] = (await a.redis.client.pubsub('CHANNELS', `${prefix}*purge`)) as string[];
    for (const message of ['', '{', '{}', '\0', '"t:other"']) await a.redis.client.publish(channel, message);
    await sleep(50);
    expect(await a.cache.wrap('key', options, failing)).toBe('fine');
  });

  test('keep keys apart that are long, odd or alike', async () => {
    const long = 'x'.repeat(5000);
    const keys = [
      '',
      ' ',
      'key',
      'key ',
      'k\0ey',
      'k\ney',
      'schlüssel',
      '\ud800',
      '\udfff',
      '{a}',
      long,
      `${long}y`,
    ];
    for (const [index, key] of keys.entries()) await a.cache.wrap(key, options, () => index);
    await until(async () => (await a.redis.client.keys(`${prefix}cache:*:entry:*`)).length === keys.length);
    for (const [index, key] of keys.entries()) expect(await b.cache.wrap(key, options, failing)).toBe(index);
  });

  test('a failed load is not waited for one process after the other', async () => {
    let count = 0;
    const load = async () => {
      count++;
      await sleep(100);
      throw new Error('the database is away');
    };
    const results = await Promise.allSettled(
      [a, b, a, b].map(({ cache }) => cache.wrap('key', options, load)),
    );
    expect(results.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    expect(count).toBe(2);
    expect(await a.cache.wrap('key', options, () => 'fine')).toBe('fine');
  });

  test('a process that was killed while it loaded is not waited for long', async () => {
    const script = new URL('../../support/cache-holder.ts', import.meta.url).pathname;
    const before = await callsOf('eval');
    const child = spawn(process.execPath, ['--import', 'tsx', script, redis.url, prefix, 'key']);
    try {
      await once(child.stdout, 'data');
      const asked = a.cache.wrap('key', options, () => 'mine');
      await until(async () => (await callsOf('eval')) - before >= 2);
      child.kill('SIGKILL');
      // From then on nobody renews it.
      const [lock = ''] = await locks();
      expect(await a.redis.client.pttl(lock)).toBeLessThanOrEqual(3000);
      expect(await asked).toBe('mine');
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('a slow load keeps its lock for longer than a dead one would', async () => {
    const slow = heldLoad('value');
    const asked = [a, b].map(({ cache }) => cache.wrap('key', options, slow.load));
    await sleep(4500);
    expect(slow.count).toBe(1);
    slow.finish();
    expect(await Promise.all(asked)).toEqual(['value', 'value']);
  });
});
