import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import request from 'supertest';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let app: TestApp;

beforeAll(async () => {
  app = await createTestApp();
});

afterAll(() => app.close());

beforeEach(() => {
  app.log.lines.length = 0;
});

const json = (value: unknown) => encodeURIComponent(JSON.stringify(value));

const BAD_IDS = [
  ...[
    '0',
    '-1',
    '-0',
    '+1',
    '1.5',
    '1.0',
    '1e3',
    '01',
    '0x1',
    '1_000',
    '99999999999999999999',
    'NaN',
    'null',
  ],
  ...['abc', '1;2', '1,2', '%00', '1%00', '%31%00', '1%20', '%201', '%0a1', '１', '__proto__', 'constructor'],
  ...['..%2f..%2fpackage.json', '%2e%2e', '1%2flogo', "1'%20or%201=1", '<script>', '[1]', '{}'],
];

const BAD_QUERIES = [
  ...[
    'page=0',
    'page=-1',
    'page=1.5',
    'page=1e3',
    'page=01',
    'page=',
    'page=%00',
    'page=99999999999999999999',
  ],
  ...['page=1&page=2', 'page[]=1', 'page[a]=1', 'pageSize=0', 'pageSize=101', 'pageSize=20.0', 'pagesize=20'],
  ...[
    'q=a&q=b',
    'q[]=a',
    'q[$ne]=a',
    `q=${'a'.repeat(101)}`,
    'country=DEU',
    'country=D%00',
    'sector=a&sector=b',
  ],
  ...[
    'sort=',
    'sort=--name',
    'sort=constructor',
    'sort=-__proto__',
    'sort=name&sort=city',
    'unknown=1',
    '=1',
  ],
  ...['__proto__=1', '__proto__[admin]=1', 'constructor[prototype][admin]=1', 'toString=1'],
];

const BAD_SEARCHES: [params: string, code: string][] = [
  ['', 'VALIDATION_FAILED'],
  ['params=', 'MALFORMED_JSON'],
  ['params={', 'MALFORMED_JSON'],
  ['params=undefined', 'MALFORMED_JSON'],
  ['params=%00', 'MALFORMED_JSON'],
  ["params={'q':'a'}", 'MALFORMED_JSON'],
  ['params={}&params={}', 'VALIDATION_FAILED'],
  ['params={}&page=1', 'VALIDATION_FAILED'],
  ['params[q]=a', 'VALIDATION_FAILED'],
  ['params=null', 'VALIDATION_FAILED'],
  ['params=7', 'VALIDATION_FAILED'],
  ['params=[]', 'VALIDATION_FAILED'],
  ['params="text"', 'VALIDATION_FAILED'],
  [`params=${'['.repeat(400)}${']'.repeat(400)}`, 'VALIDATION_FAILED'],
  [`params=${'{"q":'.repeat(190)}1${'}'.repeat(190)}`, 'VALIDATION_FAILED'],
  [`params=${json({ q: 'a'.repeat(2000) })}`, 'VALIDATION_FAILED'],
  [`params=${json({ q: ['a'] })}`, 'VALIDATION_FAILED'],
  [`params=${json({ q: { $gt: '' } })}`, 'VALIDATION_FAILED'],
  [`params=${json({ limit: 0 })}`, 'VALIDATION_FAILED'],
  [`params=${json({ limit: 1e9 })}`, 'VALIDATION_FAILED'],
  ['params={"foundedAfter":1e999}', 'VALIDATION_FAILED'],
  [`params=${json({ foundedAfter: '1900' })}`, 'VALIDATION_FAILED'],
  ['params={"__proto__":{"q":"a"}}', 'VALIDATION_FAILED'],
  ['params={"constructor":{"prototype":{"q":"a"}}}', 'VALIDATION_FAILED'],
];

/** A 4xx as problem+json, nothing internal in it, and one line in the log. */
async function expectRefused(path: string, code?: string): Promise<void> {
  const answer = await request(app.app).get(path);
  const { status, headers, text } = answer;
  const problem = answer.body as { status: number; code: string };
  expect([400, 404]).toContain(status);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(problem.status).toBe(status);
  expect(text).not.toMatch(/node_modules|\.ts:|at \w+ \(/);
  if (code) expect(problem.code).toBe(code);
  const lines = await app.log.waitFor(1);
  expect(lines.map(({ level, code: logged }) => [level, logged])).toEqual([['warn', problem.code]]);
}

test.each(BAD_IDS)('the id %j is refused', async (id) => {
  await expectRefused(`/api/companies/${id}`);
});

test.each(BAD_IDS)('the id %j has no logo', async (id) => {
  await expectRefused(`/api/companies/${id}/logo`);
});

test.each(BAD_QUERIES)('the list refuses ?%s', async (query) => {
  await expectRefused(`/api/companies?${query}`, 'VALIDATION_FAILED');
});

test.each(BAD_SEARCHES)('the search refuses ?%s', async (query, code) => {
  await expectRefused(`/api/search?${query}`, code);
});

test.each(['/api/companies/%', '/api/companies/%ff', '/api/companies?q=%', '/api/search?params=%e0%a4%a'])(
  'the broken percent-encoding of %s is refused',
  async (path) => {
    await expectRefused(path, 'MALFORMED_URL');
  },
);

test('nothing has polluted the prototype of objects', () => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});
