import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parseRedisUrl } from '../../src/platform/config/index.ts';
import type { Company } from '../../src/features/companies/company.ts';
import { SORT_FIELDS, type Conditions } from '../../src/features/companies/find.ts';
import { readSeed } from '../../src/features/companies/open.ts';
import { RedisCompanies } from '../../src/features/companies/redis-repository.ts';
import { MemoryCompanies, type CompanyRepository } from '../../src/features/companies/repository.ts';
import { normalizeError } from '../../src/platform/http/index.ts';
import type { RedisClient } from '../../src/platform/redis/index.ts';
import { until } from '../support/until.ts';
import { describeWithRedis, describeWithRedisServer, type TestRedis } from '../support/describe-redis.ts';
import { createRedisClient } from '../support/redis-client.ts';
import { RedisServer } from '../support/redis-server.ts';

const seed = readSeed();
const clients: RedisClient[] = [];
let prefix: string;

beforeEach(() => {
  prefix = `test-${randomUUID()}:`;
});

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

async function connect(url: string): Promise<RedisClient> {
  const client = createRedisClient(parseRedisUrl(url));
  client.on('error', () => undefined);
  clients.push(client);
  await until(() => client.status === 'ready');
  return client;
}

async function open(url: string): Promise<RedisCompanies> {
  return new RedisCompanies(await connect(url), seed, { prefix });
}

/** All of them, by id. */
async function list(companies: CompanyRepository): Promise<readonly Company[]> {
  return (await companies.page({ conditions: {}, sort: 'id', offset: 0, limit: 100 })).items;
}

async function drop(url: string): Promise<void> {
  const client = await connect(url);
  const keys = ['keys', ...SORT_FIELDS.map((field) => `by:${field}`), ...seed.map(({ id }) => id)];
  await client.del(keys.map((key) => `${prefix}{companies}:${key}`));
}

describeWithRedis('companies in Redis', (openRedis) => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await openRedis();
  });

  afterEach(() => drop(redis.url));
  afterAll(() => redis.stop());

  test('are those of the seed at first, by id', async () => {
    const companies = await open(redis.url);
    expect(await list(companies)).toEqual(seed);
    expect(await companies.get(58)).toEqual(seed[57]);
    expect(await companies.get(101)).toBeUndefined();
  });

  test('are seeded by whatever is asked first, one company or a change', async () => {
    expect(await (await open(redis.url)).get(7)).toEqual(seed[6]);
    await drop(redis.url);
    const changed = await (await open(redis.url)).update(7, { city: 'Elsewhere' });
    expect(changed).toEqual({ ...seed[6], city: 'Elsewhere' });
    expect(await list(await open(redis.url))).toHaveLength(seed.length);
  });

  test('keep what was changed, for other processes and later starts', async () => {
    await (await open(redis.url)).update(1, { city: 'Apple Park', founded: 1977 });
    const expected = { ...seed[0], city: 'Apple Park', founded: 1977 };
    expect(await (await open(redis.url)).get(1)).toEqual(expected);
    expect((await list(await open(redis.url)))[0]).toEqual(expected);
  });

  test('keep both of two changes of different fields at the same time', async () => {
    const [a, b] = [await open(redis.url), await open(redis.url)];
    await Promise.all([a.update(1, { city: 'Here' }), b.update(1, { sector: 'Fruit' })]);
    expect(await a.get(1)).toMatchObject({ city: 'Here', sector: 'Fruit' });
  });

  test('are in the same order, and found by the same conditions, as those in memory', async () => {
    const stores = [await open(redis.url), new MemoryCompanies(seed)];
    for (const companies of stores) {
      await companies.update(1, { name: 'Zebra', city: 'Ñuñoa', sector: 'Zoo', founded: 900, country: 'CL' });
      await companies.update(2, { name: 'zebra', sector: 'zoo' });
      await companies.update(3, { name: '\u{10ffff}' });
      await companies.update(4, { name: '\uffee' });
    }
    const sorts = SORT_FIELDS.flatMap((field) => [field, `-${field}` as const]);
    const asked: Conditions[] = [
      ...[
        {},
        { q: 'ZÉBRA' },
        { q: 'nunoa' },
        { q: 'air' },
        { country: 'US' },
        { sector: 'Zoo', country: 'CL' },
      ],
      ...[{ foundedBefore: 1000 }, { foundedAfter: 1999, foundedBefore: 2005 }, { q: 'no such company' }],
    ];
    for (const sort of sorts) {
      for (const conditions of asked) {
        const query = { conditions, sort, offset: 1, limit: 7 };
        const [inRedis, inMemory] = await Promise.all(stores.map((companies) => companies.page(query)));
        expect({ query, ...inRedis }).toEqual({ query, ...inMemory });
      }
    }
  });

  test('are in one place of each order, whatever changes at the same time', async () => {
    const [a, b] = [await open(redis.url), await open(redis.url)];
    await list(a);
    await Promise.all([
      ...[1, 2, 3].map((turn) => a.update(1, { name: `A${turn}`, founded: 1900 + turn })),
      ...[1, 2, 3].map((turn) => b.update(1, { name: `B${turn}`, sector: `Sector ${turn}` })),
    ]);
    const query = { conditions: {}, offset: 0, limit: 100 };
    for (const sort of SORT_FIELDS) {
      const { items, total } = await a.page({ ...query, sort });
      expect(items.map(({ id }) => id).sort((one, other) => one - other)).toEqual(seed.map(({ id }) => id));
      expect(total).toBe(seed.length);
    }
    const { name } = (await b.get(1)) ?? { name: 'none' };
    const { items } = await b.page({ ...query, conditions: { q: name }, sort: 'name' });
    expect(items[0]?.id).toBe(1);
  });

  test('are found although the keys of one are lost, and after its next change with them', async () => {
    const companies = await open(redis.url);
    await list(companies);
    const client = await connect(redis.url);
    await client.hdel(`${prefix}{companies}:keys`, '0000000000000003');
    const query = { conditions: { q: seed[2]?.name ?? '' }, sort: 'id', offset: 0, limit: 5 } as const;
    expect(await companies.page(query)).toMatchObject({ total: 0 });
    await companies.update(3, { city: 'Here' });
    expect(await companies.page(query)).toMatchObject({ total: 1 });
  });

  test('are not written at all where one of the sets is something else, and are when it is gone', async () => {
    const client = await connect(redis.url);
    await client.set(`${prefix}{companies}:by:name`, 'stray');
    const companies = await open(redis.url);
    await expect(list(companies)).rejects.toThrow('is no zset');
    expect(await client.exists(`${prefix}{companies}:by:id`)).toBe(0);
    await client.del(`${prefix}{companies}:by:name`);
    expect(await list(companies)).toEqual(seed);
  });

  test('know no company that is not there, and make none by changing it', async () => {
    const companies = await open(redis.url);
    expect(await companies.update(101, { city: 'Nowhere' })).toBeUndefined();
    expect(await (await connect(redis.url)).exists(`${prefix}{companies}:101`)).toBe(0);
  });

  test('lose no change when several processes seed while another one already changes', async () => {
    const instances = await Promise.all([1, 2, 3, 4].map(() => open(redis.url)));
    const [first, ...others] = instances as [RedisCompanies, ...RedisCompanies[]];
    const changes = seed.slice(0, 20).map(({ id }) => first.update(id, { city: `Changed ${id}` }));
    const lists = await Promise.all([...others, ...others].map((instance) => list(instance)));
    await Promise.all(changes);
    for (const list of lists) expect(list).toHaveLength(seed.length);
    const after = await list(await open(redis.url));
    for (const { id, city } of after.slice(0, 20)) expect(city).toBe(`Changed ${id}`);
  });

  test('are read although a key of one holds something else', async () => {
    const companies = await open(redis.url);
    await list(companies);
    const client = await connect(redis.url);
    await client.del(`${prefix}{companies}:3`);
    await client.set(`${prefix}{companies}:3`, 'stray');
    expect(await companies.get(3)).toBeUndefined();
    expect(await companies.update(3, { city: 'Nowhere' })).toBeUndefined();
    expect(await list(companies)).toEqual(seed.filter(({ id }) => id !== 3));
  });

  test('that were written only in part, by a process that died, are completed', async () => {
    await (await connect(redis.url)).hset(`${prefix}{companies}:3`, { id: 3, city: 'Somewhere else' });
    const companies = await open(redis.url);
    expect(await companies.get(3)).toEqual({ ...seed[2], city: 'Somewhere else' });
    expect(await list(companies)).toHaveLength(seed.length);
    const found = await companies.page({
      conditions: { q: 'somewhere else' },
      sort: 'city',
      offset: 0,
      limit: 5,
    });
    expect(found.items.map(({ id }) => id)).toEqual([3]);
  });
});

describeWithRedisServer('companies while Redis is away', () => {
  let redis: RedisServer;

  beforeEach(async () => {
    redis = await RedisServer.start();
  });

  afterEach(() => redis.stop());

  test('are read as they were last seen, and not written', async () => {
    const companies = await open(redis.url);
    await companies.update(1, { city: 'Apple Park' });
    for (const id of [1, 2]) await companies.get(id);
    await list(companies);
    await redis.kill();
    expect(await companies.get(1)).toMatchObject({ city: 'Apple Park' });
    expect(await companies.get(2)).toEqual(seed[1]);
    expect(await list(companies)).toHaveLength(seed.length);
    const failed: unknown = await companies.update(1, { city: 'Nowhere' }).catch((error: unknown) => error);
    expect(normalizeError(failed).code).toBe('STORE_UNAVAILABLE');
  });

  test('are not read as they were before a change that is known', async () => {
    let changedAt = -Infinity;
    const companies = new RedisCompanies(await connect(redis.url), seed, {
      prefix,
      changedAt: () => changedAt,
    });
    await list(companies);
    changedAt = performance.now();
    expect(await companies.get(1)).toEqual(seed[0]);
    await redis.kill();
    expect(await companies.get(1)).toEqual(seed[0]);
    for (const failed of [companies.get(2), list(companies)]) {
      const error: unknown = await failed.catch((thrown: unknown) => thrown);
      expect(normalizeError(error).code).toBe('STORE_UNAVAILABLE');
    }
  });

  test('come from the seed where this process has seen none and knows no change, but not as an export', async () => {
    await redis.kill();
    const client = createRedisClient(parseRedisUrl(redis.url));
    client.on('error', () => undefined);
    clients.push(client);
    let changedAt = -Infinity;
    const companies = new RedisCompanies(client, seed, { prefix, changedAt: () => changedAt });
    expect(await list(companies)).toEqual(seed);
    expect(await companies.get(58)).toEqual(seed[57]);
    await expect(companies.rows().next()).rejects.toThrow();
    changedAt = performance.now();
    await expect(list(companies)).rejects.toThrow();
  });

  test('are not the seed beside what this process has read', async () => {
    const companies = await open(redis.url);
    await companies.update(1, { city: 'Apple Park' });
    await list(companies);
    await redis.kill();
    expect((await list(companies))[0]).toMatchObject({ city: 'Apple Park' });
    await expect(companies.get(1)).rejects.toThrow();
    await expect(companies.page({ conditions: {}, sort: 'name', offset: 0, limit: 5 })).rejects.toThrow();
  });

  test('cost a list one time-out and no more when Redis hangs', async () => {
    const companies = await open(redis.url);
    await list(companies);
    let connections = 0;
    for (const client of clients) client.on('connect', () => connections++);
    redis.hang();
    expect(await list(companies)).toHaveLength(seed.length);
    // A command that times out closes the connection; another could have waited only on a new one.
    expect(connections).toBe(0);
    redis.resume();
  });

  test('are seeded again when Redis comes back empty', async () => {
    const companies = await open(redis.url);
    await list(companies);
    await redis.kill();
    await redis.restart();
    await until(() => clients.every((client) => client.status === 'ready'));
    expect(await list(companies)).toEqual(seed);
    expect(await (await connect(redis.url)).zcard(`${prefix}{companies}:by:name`)).toBe(seed.length);
  });
});

describeWithRedisServer('companies in a Redis Cluster', () => {
  test('are seeded, read and changed, as all their keys are in one slot', async () => {
    const redis = await RedisServer.start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    try {
      const admin = await connect(redis.url);
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await until(
        async () => String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
        10_000,
      );
      const companies = await open(`redis+cluster://127.0.0.1:${redis.port}`);
      expect(await list(companies)).toEqual(seed);
      expect(await companies.update(5, { city: 'Here' })).toEqual({ ...seed[4], city: 'Here' });
      expect(await list(companies)).toHaveLength(seed.length);
    } finally {
      await redis.stop();
    }
  });
});

describe('the seed', () => {
  test('is not changed by updates', () => {
    expect(seed).toEqual(readSeed());
  });
});
