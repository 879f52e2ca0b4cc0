import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ask } from './check.mjs';
import { withClient } from './fill.mjs';
import { headersOf, requestFor } from './load.mjs';

const PAGE_SIZE = 20;

export const companies = {
  id: 'companies',
  title: 'companies in Redis: a page of 20, not cached',
  what: 'companies',
  sizes: [100, 100_000],
  open,
};

/** In front of the keys in Redis. */
const PREFIX = 'bench:';

/** Each page in turn, of those that the example has, without its cache of responses. */
async function open(size, site) {
  const redis = await site.redis();
  await writeCompanies(size, { redis, app: site.installed });
  const server = await site.app({ redis, env: { REDIS_KEY_PREFIX: PREFIX, BENCH_COMPANIES: '1' } });
  const pages = Array.from({ length: size / PAGE_SIZE }, (_, i) => i + 1);
  const paths = pages.map((page) => `/bench/companies?page=${page}&pageSize=${PAGE_SIZE}`);
  const path = paths.at(-1);
  const { items, total } = JSON.parse((await ask(server, path, headersOf())).body);
  if (total !== size || items.length !== PAGE_SIZE)
    throw new Error(`${path}: ${items.length} of ${total} companies`);
  return { server, redis, path, lines: 1, requests: paths.map((one) => requestFor(one, headersOf())) };
}

/** Through the repository itself: its first read writes the seed. */
async function writeCompanies(size, { redis, app }) {
  const file = pathToFileURL(join(app, 'dist/features/companies/redis-repository.js'));
  const { RedisCompanies } = await import(file.href);
  await withClient(redis, (client) => new RedisCompanies(client, seedOf(size), { prefix: PREFIX }).get(1));
}

function seedOf(size) {
  return Array.from({ length: size }, (_, i) => ({
    id: i + 1,
    name: `Company ${(i * 7919) % size}`,
    country: ['NG', 'JP', 'BR', 'DE', 'CA'][i % 5],
    city: ['Lagos', 'Osaka', 'São Paulo', 'Leipzig', 'Toronto'][i % 5],
    sector: `Sector ${i % 17}`,
    founded: 1900 + ((i * 37) % 120),
    website: `https://www.example.com/${i + 1}`,
  }));
}
