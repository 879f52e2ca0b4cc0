import { hrtime } from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { NotCacheable, type CacheParts, type CacheState } from '../../../src/platform/cache/cache.ts';
import { createCache } from '../../../src/platform/cache/layered.ts';
import { clock } from '../../support/clock.ts';
import { LogLines } from '../../support/http.ts';
import { heldLoad, silent } from '../../support/caches.ts';
import { until } from '../../support/until.ts';

beforeEach(() => {
  clock.stop();
});
afterEach(() => {
  clock.restore();
});

const memoryCache = (parts: Partial<CacheParts> = {}) =>
  createCache({ logger: silent, prefix: 'test:', maxBytes: 1024 * 1024, ...parts });

/** A load that gives 1, 2, 3 … */
function counting() {
  let count = 0;
  return () => ++count;
}

const failing = () => {
  throw new Error('the database is away');
};

describe('a look-up', () => {
  test('is a miss, then hits, then a miss when the time is over', async () => {
    const cache = memoryCache();
    const states: CacheState[] = [];
    const load = counting();
    const values: number[] = [];
    for (const pause of [0, 0, 60]) {
      clock.advance(pause);
      const { value, state } = await cache.fetch('key', { ttl: 0.05 }, load);
      states.push(state);
      values.push(value);
    }
    expect(states).toEqual(['MISS', 'HIT', 'MISS']);
    expect(values).toEqual([1, 1, 2]);
  });

  test('gives a stale value at once, while a new one is loaded', async () => {
    const cache = memoryCache();
    await cache.wrap('key', { ttl: 0.03, stale: 10 }, () => 'old');
    clock.advance(40);
    const slow = heldLoad('new');
    const options = { ttl: 10, stale: 10 };
    const stale = await Promise.all(Array.from({ length: 20 }, () => cache.fetch('key', options, slow.load)));
    expect(new Set(stale.map(({ state, value }) => `${state} ${value}`))).toEqual(new Set(['STALE old']));
    slow.finish();
    await until(async () => (await cache.fetch('key', options, slow.load)).state === 'HIT');
    expect(await cache.wrap('key', options, slow.load)).toBe('new');
    expect(slow.count).toBe(1);
  });

  test.each([undefined, null, false, 0, ''])('caches %p too', async (value) => {
    const cache = memoryCache();
    await cache.wrap('key', { ttl: 1 }, () => value);
    expect(await cache.fetch('key', { ttl: 1 }, failing)).toMatchObject({ value, state: 'HIT' });
  });
});

describe('a load', () => {
  test('runs once for everyone who asks meanwhile', async () => {
    const cache = memoryCache();
    const slow = heldLoad('value');
    const asked = Array.from({ length: 50 }, () => cache.wrap('key', { ttl: 1 }, slow.load));
    await until(() => slow.count === 1);
    slow.finish();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['value']));
    expect(slow.count).toBe(1);
  });

  test('that fails rejects for all who wait, and is not remembered', async () => {
    const cache = memoryCache();
    const asked = Array.from({ length: 5 }, () => cache.wrap('key', { ttl: 1 }, failing));
    const results = await Promise.allSettled(asked);
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    expect(await cache.wrap('key', { ttl: 1 }, () => 'fine')).toBe('fine');
  });

  test('that fails leaves the stale value in use, is tried once a second, and is logged once', async () => {
    const lines = new LogLines();
    const logger = createLogger({ LOG_LEVEL: 'warn', LOG_FORMAT: 'json' }, lines);
    const cache = memoryCache({ logger });
    let attempts = 0;
    const load = () => {
      attempts++;
      failing();
    };
    const options = { ttl: 0.02, stale: 10 };
    await cache.wrap('key?token=1', options, () => 'old');
    clock.advance(30);
    const startedAt = hrtime.bigint();
    for (let i = 0; i < 20; i++) {
      const { value, state } = await cache.fetch<unknown>('key?token=1', options, load);
      expect([value, state]).toEqual(['old', 'STALE']);
      clock.advance(2);
      await turn();
    }
    // One second is a real one: the cache waits for it.
    const seconds = Number((hrtime.bigint() - startedAt) / 1_000_000_000n);
    expect(attempts).toBeLessThanOrEqual(1 + seconds);
    const before = attempts;
    await until(async () => {
      await cache.wrap<unknown>('key?token=1', options, load);
      return attempts > before;
    });
    expect(lines.lines).toHaveLength(1);
    expect(lines.lines[0]).toMatchObject({
      level: 'warn',
      key: 'key',
      err: { message: 'the database is away' },
    });
  });

  test('that fails when the stale time is over, fails', async () => {
    const cache = memoryCache();
    await cache.wrap('key', { ttl: 0.01, stale: 0.01 }, () => 'old');
    clock.advance(30);
    await expect(cache.wrap('key', { ttl: 1 }, failing)).rejects.toThrow('the database is away');
  });

  test('that says NotCacheable drops the stale value', async () => {
    const cache = memoryCache();
    const options = { ttl: 0.01, stale: 10 };
    await cache.wrap('key', options, () => 'old');
    clock.advance(20);
    let loads = 0;
    const gone = () => {
      loads++;
      throw new NotCacheable('gone');
    };
    expect(await cache.wrap('key', options, gone)).toBe('old');
    await until(() => loads === 1);
    await turn();
    await expect(cache.wrap('key', options, gone)).rejects.toThrow('gone');
  });
});

describe('a purge', () => {
  test('by key or by tag drops what it names and nothing else', async () => {
    const cache = memoryCache();
    const load = counting();
    const get = (key: string, ...tags: string[]) => cache.wrap(key, { ttl: 10, tags }, load);
    expect([await get('a', 'x', 'y'), await get('b', 'y'), await get('c')]).toEqual([1, 2, 3]);
    await cache.purgeTag('x');
    expect([await get('a', 'x', 'y'), await get('b', 'y'), await get('c')]).toEqual([4, 2, 3]);
    await cache.purgeTag('y');
    expect([await get('a', 'x', 'y'), await get('b', 'y'), await get('c')]).toEqual([5, 6, 3]);
    await cache.purgeKey('c');
    expect([await get('a', 'x', 'y'), await get('b', 'y'), await get('c')]).toEqual([5, 6, 7]);
    // A tag of the same name as a key is something else.
    await cache.purgeTag('a');
    expect(await get('a', 'x', 'y')).toBe(5);
  });

  test('keeps a load that began before it out, and out of the hands of who comes after it', async () => {
    const cache = memoryCache();
    const before = heldLoad('old');
    const options = { ttl: 10, tags: ['tag'] };
    const early = cache.wrap('key', options, before.load);
    await until(() => before.count === 1);
    clock.advance(1);
    await cache.purgeTag('tag');
    expect(await cache.wrap('key', options, () => 'new')).toBe('new');
    before.finish();
    expect(await early).toBe('old');
    expect(await cache.wrap('key', options, failing)).toBe('new');
  });
});

describe('a value', () => {
  test('comes back as it was, in types JSON does not know', async () => {
    const cache = memoryCache();
    const bytes = Buffer.from([0, 255, 13, 10, 128]);
    const value = {
      bytes,
      date: new Date(5),
      map: new Map([[1, new Set(['a'])]]),
      none: undefined,
      big: 10n,
    };
    await cache.wrap('key', { ttl: 1 }, () => value);
    expect(await cache.wrap('key', { ttl: 1 }, () => value)).toEqual(value);
  });

  test('can be changed neither by who gets it nor by who loaded it', async () => {
    const cache = memoryCache();
    const own = { list: [{ name: 'Ada' }] };
    const given = await cache.wrap('key', { ttl: 1 }, () => own);
    own.list.push({ name: 'Bob' });
    expect(() => given.list.push({ name: 'Eve' })).toThrow(/not extensible/);
    expect(() => Object.assign(given.list[0] ?? {}, { name: 'Eve' })).toThrow(/read only/);
    expect(await cache.wrap('key', { ttl: 1 }, () => own)).toEqual({ list: [{ name: 'Ada' }] });
  });

  test('that refers to itself is no trouble', async () => {
    const cache = memoryCache();
    const loop: { self?: unknown } = {};
    loop.self = loop;
    const given = await cache.wrap('key', { ttl: 1 }, () => loop);
    expect(given.self).toBe(given);
  });

  test('that can not be stored is an error that says so', async () => {
    const cache = memoryCache();
    await expect(cache.wrap('key', { ttl: 1 }, () => ({ toString: () => '' }))).rejects.toThrow(
      /cannot store this value/,
    );
  });
});

describe('the lifetime', () => {
  test.each([
    ['no ttl', { ttl: 0 }],
    ['a negative stale', { ttl: 1, stale: -1 }],
    ['more than a day together', { ttl: 86_000, stale: 401 }],
    ['no number', { ttl: Number.NaN }],
  ])('is refused with %s', async (_name, options) => {
    await expect(memoryCache().wrap('key', options, () => 1)).rejects.toThrow(RangeError);
  });
});

describe('memory', () => {
  const isHeld = async (cache: ReturnType<typeof memoryCache>, key: string) =>
    (await cache.fetch(key, { ttl: 10 }, () => 'x')).state === 'HIT';

  test('is bounded: the least recently used values go', async () => {
    const cache = memoryCache({ maxBytes: 100_000 });
    for (let i = 0; i < 30; i++) {
      await cache.wrap(`key ${i}`, { ttl: 10 }, () => Buffer.alloc(10_000));
      await cache.wrap('key 0', { ttl: 10 }, () => Buffer.alloc(10_000));
    }
    expect(await isHeld(cache, 'key 0')).toBe(true);
    expect(await isHeld(cache, 'key 29')).toBe(true);
    expect(await isHeld(cache, 'key 5')).toBe(false);
  });

  test('counts what objects take, not only bytes', async () => {
    const cache = memoryCache({ maxBytes: 100_000 });
    const rows = () => Array.from({ length: 100 }, (_, id) => ({ id, name: `name ${id}` }));
    for (let i = 0; i < 30; i++) await cache.wrap(`key ${i}`, { ttl: 10 }, rows);
    expect(await isHeld(cache, 'key 1')).toBe(false);
  });

  test('does not take a value that is larger than all of it', async () => {
    const cache = memoryCache({ maxBytes: 10_000 });
    await cache.wrap('small', { ttl: 10 }, () => 'x');
    await cache.wrap('large', { ttl: 10, tags: ['tag'] }, () => Buffer.alloc(50_000));
    await cache.purgeTag('tag');
    expect(await isHeld(cache, 'small')).toBe(true);
    expect(await isHeld(cache, 'large')).toBe(false);
  });
});
