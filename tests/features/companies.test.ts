import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { projectPath } from '../../src/platform/config/index.ts';
import type { Company, CompanyChanges } from '../../src/features/companies/company.ts';
import { companies } from '../../src/features/companies/index.ts';
import { readSeed } from '../../src/features/companies/open.ts';
import { MemoryCompanies } from '../../src/features/companies/repository.ts';
import { errorHandler } from '../../src/platform/http/index.ts';
import type { Toolkit } from '../../src/toolkit.ts';
import { cachedRoutes } from '../support/cached-routes.ts';
import { logIn } from '../support/log-in.ts';
import { createTestApp, type TestApp } from '../support/test-app.ts';

interface Page {
  items: Company[];
  page: number;
  pageSize: number;
  total: number;
  pages: number;
}

let app: TestApp;
// One for all: the cache keeps the responses of each host and port apart.
let server: Server;

beforeAll(async () => {
  app = await createTestApp({ NODE_ENV: 'development' });
  server = app.app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  server.close();
  await app.close();
});

const get = (path: string) => request(server).get(path);

async function list(query: string): Promise<Page> {
  return (await get(`/api/companies?${query}`).expect(200)).body as Page;
}

describe('GET /api/companies', () => {
  test('returns the first 20 by id', async () => {
    const page = await list('');
    expect(page).toMatchObject({ page: 1, pageSize: 20, total: 100, pages: 5 });
    expect(page.items.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test('has links to the first, previous, next and last page, with the other parameters kept', async () => {
    const { headers } = await get('/api/companies?pageSize=30&page=2&q=a%26b%3E').expect(200);
    expect(headers.link).toContain('</api/companies?pageSize=30&page=1&q=a%26b%3E>; rel="first"');
    const middle = await get('/api/companies?pageSize=30&page=2').expect(200);
    expect(middle.headers.link).toBe(
      '</api/companies?pageSize=30&page=1>; rel="first", </api/companies?pageSize=30&page=1>; rel="prev", ' +
        '</api/companies?pageSize=30&page=3>; rel="next", </api/companies?pageSize=30&page=4>; rel="last"',
    );
  });

  test.each([
    ['pageSize=20&sort=id&page=1', '?page=1'],
    ['q=++a%20b%09&sector=+Air+&country=jp', '?page=1&q=a+b&country=JP&sector=Air'],
    ['q=&sector=%20', '?page=1'],
    ['q=%00a', '?page=1&q=%00a'],
  ])('links to %s as what was understood', async (query, link) => {
    const { headers } = await get(`/api/companies?${query}`).expect(200);
    expect(headers.link).toContain(`</api/companies${link}>; rel="first"`);
  });

  test.each([
    ['q', `q=${'+'.repeat(2500)}`],
    ['blanks around a word', `q=${'+'.repeat(50)}a${'%09'.repeat(50)}`],
    ['sector', `sector=${'%20'.repeat(51)}`],
    ['other white space', `q=${'%E3%80%80'.repeat(101)}`],
  ])('counts blanks as characters: %s', async (_name, query) => {
    await get(`/api/companies?${query}`).expect(400);
    const [name = '', value = ''] = query.split('=');
    const params = { [name]: decodeURIComponent(value.replaceAll('+', ' ')) };
    await get(`/api/search?params=${encodeURIComponent(JSON.stringify(params))}`).expect(400);
  });

  test('has headers that every proxy takes, whatever is asked for', async () => {
    const longest = new URLSearchParams({
      q: '\u{10ffff}'.repeat(100),
      sector: '\u{10ffff}'.repeat(50),
      country: 'JP',
      sort: '-founded',
      pageSize: '99',
      page: '1000000',
    });
    const { headers } = await get(`/API/companies/?${longest.toString()}`).expect(200);
    // What Varnish takes in one header.
    expect(String(headers.link).length).toBeLessThan(8192);
  });

  test('has no next after the last page, and nothing on a page beyond it', async () => {
    const last = await get('/api/companies?pageSize=30&page=4').expect(200);
    expect((last.body as Page).items).toHaveLength(10);
    expect(last.headers.link).not.toContain('rel="next"');
    const beyond = await get('/api/companies?pageSize=30&page=1000000').expect(200);
    expect((beyond.body as Page).items).toEqual([]);
    expect(beyond.headers.link).toContain('page=4>; rel="prev"');
  });

  test('returns zero pages when nothing is found', async () => {
    expect(await list('q=no+such+company')).toMatchObject({ items: [], total: 0, pages: 0 });
  });

  test.each([
    ['q=SAO', ['Embraer', 'Nubank']],
    ['q=nestle', ['Nestlé']],
    ['q=%C5%A0koda', ['Škoda Auto']],
    ['q=SKODA', ['Škoda Auto']],
    ['country=fi', ['Nokia']],
    ['sector=mining', ['BHP']],
    ['sector=AIRLINES&country=PT', ['TAP Air Portugal']],
  ])('finds by %s', async (query, names) => {
    expect((await list(query)).items.map(({ name }) => name)).toEqual(names);
  });

  test('sorts by a field, both ways, and by id where it is equal', async () => {
    const oldest = (await list('sort=founded&pageSize=100')).items;
    expect(oldest[0]?.name).toBe('Saint-Gobain');
    const youngest = (await list('sort=-founded&pageSize=100')).items;
    expect(youngest.map(({ founded }) => founded)).toEqual(oldest.map(({ founded }) => founded).reverse());
    const sameYear = oldest.filter(({ founded }) => founded === 2006).map(({ id }) => id);
    expect(sameYear).toEqual([...sameYear].sort((a, b) => a - b));
  });

  test('gives each company once over all pages', async () => {
    const pages = await Promise.all([1, 2, 3, 4].map((page) => list(`sort=sector&pageSize=25&page=${page}`)));
    expect(new Set(pages.flatMap(({ items }) => items.map(({ id }) => id))).size).toBe(100);
  });

  test('comes from the cache the second time', async () => {
    await get('/api/companies?q=cached').expect('X-Cache', 'MISS');
    await get('/api/companies?q=cached')
      .expect('X-Cache', 'HIT')
      .expect('Link', /rel="first"/);
  });
});

describe('GET /api/companies/:id', () => {
  test('returns one company', async () => {
    const answer = await get('/api/companies/58').expect(200);
    expect(answer.body).toMatchObject({ id: 58, name: 'The Lego Group', country: 'DK', founded: 1932 });
  });

  test('returns 404 for an unknown id', async () => {
    await get('/api/companies/101')
      .expect(404)
      .expect('Content-Type', /problem\+json/);
  });
});

describe('GET /api/companies/:id/logo', () => {
  test('streams the file, with its length and time', async () => {
    const file = await readFile(projectPath('data', 'logos', '1.svg'));
    const answer = await get('/api/companies/1/logo')
      .expect(200)
      .expect('Content-Type', /^image\/svg\+xml/)
      .expect('Content-Length', String(file.length))
      .expect('Cache-Control', 'public, max-age=86400');
    const sha = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    expect(sha(answer.body as Buffer)).toBe(sha(file));
  });

  test('returns 304 to a client that has it, and no body for HEAD', async () => {
    const { headers } = await request(server).head('/api/companies/1/logo').expect(200);
    const date = headers['last-modified'] ?? '';
    await get('/api/companies/1/logo').set('If-Modified-Since', date).expect(304);
  });

  test('returns 404 for an unknown id', async () => {
    await get('/api/companies/101/logo').expect(404).expect('Cache-Control', 'no-store');
  });
});

describe('GET /api/search', () => {
  const search = (params: unknown) => get('/api/search').query({ params: JSON.stringify(params) });

  test('finds what fulfils all conditions', async () => {
    const body = (await search({ q: 'air', foundedAfter: 1932, foundedBefore: 1946 }).expect(200))
      .body as Page;
    expect(body.items.map(({ name }) => name)).toEqual([
      'TAP Air Portugal',
      'Turkish Airlines',
      'Ethiopian Airlines',
      'Air New Zealand',
    ]);
  });

  test('returns no more than the limit, and the total', async () => {
    const body = (await search({ country: 'US', limit: 2 }).expect(200)).body as Page;
    expect(body.items).toHaveLength(2);
    expect(body.total).toBeGreaterThan(10);
  });
});

describe('PATCH /api/companies/:id', () => {
  let ada: Awaited<ReturnType<typeof logIn>>;
  const patch = (body: object, id: number | string = 1) => ada.patch(`/api/companies/${id}`).send(body);

  beforeAll(async () => {
    ada = await logIn(app);
  });

  test('changes the fields that are sent, and everybody sees it at once', async () => {
    const before = await list('q=Apple');
    expect(before.items[0]?.city).toBe('Cupertino');
    await get('/api/search?params={"q":"apple"}').expect(200);

    const body = (await patch({ city: '  Apple Park ', founded: 1977 }).expect(200)).body as Company;
    expect(body).toMatchObject({ id: 1, name: 'Apple', city: 'Apple Park', founded: 1977 });

    expect((await list('q=Apple')).items[0]).toEqual(body);
    expect(((await get('/api/search?params={"q":"apple"}')).body as Page).items[0]).toEqual(body);
    expect((await get('/api/companies/1')).body).toEqual(body);
  });

  test('needs a session', async () => {
    await request(server).patch('/api/companies/1').send({ city: 'Nowhere' }).expect(401);
  });

  test('refuses pages of other sites', async () => {
    await patch({ city: 'Nowhere' }).set('Sec-Fetch-Site', 'cross-site').expect(403);
  });

  test('returns 404 for an unknown id', async () => {
    await patch({ city: 'Nowhere' }, 101).expect(404);
  });

  test.each([
    ['nothing', {}],
    ['an unknown field', { city: 'Paris', ceo: 'Me' }],
    ['another id', { id: 2 }],
    ['an array', ['city']],
    ['an array for a text', { city: ['Paris'] }],
    ['null for a text', { name: null }],
    ['an empty name', { name: '  ' }],
    ['a NUL in a name', { name: 'a\0b' }],
    ['a line break in a name', { name: 'a\nb' }],
    ['half of a character in a name', { name: '\ud800x' }],
    ['half of a character in a website', { website: 'https://example.com/\udc00' }],
    ['a long name', { name: 'a'.repeat(101) }],
    ['a year with a fraction', { founded: 1.5 }],
    ['a year as text', { founded: '1999' }],
    ['a country that is no code', { country: 'Japan' }],
    ['a website without TLS', { website: 'http://example.com' }],
    ['a website with a user name', { website: 'https://a@evil.example' }],
    ['a website with a password', { website: 'https://bank.example:x@evil.example/' }],
    ['a website with an empty user name', { website: 'https://@evil.example' }],
    ['a website with a user name behind odd slashes', { website: 'https:\\\\\\a@evil.example' }],
    ['a website with a user name behind no slashes', { website: 'https:a@evil.example' }],
    ['a website with a backslash before an @', { website: 'https://evil.example\\@bank.example' }],
    ['a website behind a control character', { website: '\u0000https://example.com' }],
    ['a script as website', { website: 'javascript:alert(1)' }],
    ['a polluted prototype', JSON.parse('{"__proto__":{"admin":true}}') as object],
    ['a constructor', { constructor: { prototype: { admin: true } } }],
  ])('refuses %s with a 400 that names the fields', async (_what, body) => {
    const problem = (await patch(body, 2).expect(400)).body as { errors: unknown[] };
    expect(problem).toMatchObject({ code: 'VALIDATION_FAILED' });
    expect(problem.errors.length).toBeGreaterThan(0);
    expect((await get('/api/companies/2')).body).toMatchObject({ name: 'Microsoft', city: 'Redmond' });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test.each([
    ['no body', undefined, 400],
    ['broken JSON', '{"city":', 400],
    ['no object', '7', 400],
  ])('refuses %s', async (_what, body, status) => {
    await ada.patch('/api/companies/2').set('Content-Type', 'application/json').send(body).expect(status);
  });
});

test('a change that may have been made although it failed is seen', async () => {
  const seed = readSeed();
  class LosesAnswers extends MemoryCompanies {
    override async update(id: number, changes: CompanyChanges): Promise<never> {
      await super.update(id, changes);
      throw new Error('Command timed out');
    }
  }
  const pass: RequestHandler = (_req, _res, next) => {
    next();
  };
  const { cache, cached } = cachedRoutes();
  const toolkit = { guarded: [pass, express.json()], cached, stores: { cache } } as unknown as Toolkit;
  const other = express().use('/api', companies(toolkit, new LosesAnswers(seed)), errorHandler());

  await request(other).get('/api/search?params={"q":"Elsewhere"}').expect(200, { items: [], total: 0 });
  await request(other).patch('/api/companies/1').send({ city: 'Elsewhere' }).expect(503);
  const found = await request(other).get('/api/search?params={"q":"Elsewhere"}');
  expect(found.body).toMatchObject({ total: 1 });
});

test('other methods are told which there are', async () => {
  await request(server).delete('/api/companies/1').expect(405).expect('Allow', 'GET, HEAD, OPTIONS, PATCH');
  await request(server).post('/api/companies.csv').expect(405).expect('Allow', 'GET, HEAD, OPTIONS');
});
