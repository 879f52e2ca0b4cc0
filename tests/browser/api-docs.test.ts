import { beforeAll, expect, test } from '@jest/globals';
import { Router } from 'express';
import * as v from 'valibot';
import { strictObject } from '../../src/platform/config/index.ts';
import { endpoint, route } from '../../src/platform/http/index.ts';
import { sessionOf } from '../../src/platform/sessions/index.ts';
import type { Content } from '../fixtures/whole-app/features.mjs';
import { describeInBrowser, type Tab } from '../support/browser.ts';
import { serveEachTest } from '../support/http.ts';
import { DEMO, testLogin } from '../support/whole-app.ts';

const serve = serveEachTest();

function orders({ session, requireUser }: Parameters<Content['features']>[1]) {
  const order = v.strictObject({ id: v.number(), of: v.string() });
  const id = v.pipe(v.string(), v.regex(/^[1-9]\d*$/, 'must be a whole number from 1'), v.transform(Number));
  const router = Router();
  route(router, '/mine', {
    get: endpoint({
      summary: 'My order',
      guards: [session, requireUser],
      responses: { 200: { description: 'The order', schema: order } },
      handler: (req, res) => res.json({ id: 1, of: sessionOf(req)?.user?.name }),
    }),
  });
  route(router, '/:id', {
    get: endpoint({
      summary: 'One order',
      description: 'Anybody may read it.',
      params: strictObject({ id }),
      query: strictObject({ currency: v.optional(v.picklist(['EUR', 'TWD']), 'EUR') }),
      responses: { 200: { description: 'The order', schema: order } },
      handler: (_req, res, { params, query }) => res.json({ id: params.id, of: query.currency }),
    }),
  });
  return router;
}

const content: Content = {
  features: ((router, toolkit) => {
    router.use('/api/session', testLogin(toolkit));
    router.use('/api/orders', orders(toolkit));
    return {};
  }) as Content['features'],
  jobs: () => [],
};

describeInBrowser('the page of the API in a browser', (browser) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await browser.serve({ API_DOCS: 'on' }, content));
  });

  const openDocs = () => browser.open(`${url}/docs`);
  const operation = ({ page }: Tab, summary: string) =>
    page.locator('details.operation', { hasText: summary });
  /** Opens an operation, fills in its form, sends it, and returns what is shown once this is in it. */
  const tryIt = async (tab: Tab, summary: string, inputs: Record<string, string>, expected: RegExp) => {
    const place = operation(tab, summary);
    if ((await place.getAttribute('open')) === null) await place.locator('summary').first().click();
    for (const [name, value] of Object.entries(inputs)) await place.getByLabel(name).fill(value);
    await place.getByRole('button', { name: 'Try it' }).click();
    const response = place.locator('.response');
    await response.getByText(expected).first().waitFor();
    return response.innerText();
  };
  /** Calls the API from a page's own script. */
  const call = (tab: Tab, method: string, body?: object) =>
    tab.page.evaluate<number>(
      `fetch('${url}/api/session', { method: '${method}', headers: { 'Content-Type': 'application/json' },
        body: ${body ? `'${JSON.stringify(body)}'` : 'undefined'} }).then(({ status }) => status)`,
    );

  test('shows the API of this app in 150 kB', async () => {
    const own = await browser.serve({ API_DOCS: 'on' });
    const tab = await browser.open(`${own.url}/docs`);
    expect(await tab.bytes()).toBeLessThanOrEqual(150_000);
    await tab.expectGoodLooks('api-docs');
    for (const summary of await tab.page.locator('.operation > summary').all()) await summary.click();
    await tab.expectGoodLooks('api-docs-open');
  });

  test('sends a GET with what is filled in, and shows the response', async () => {
    const tab = await openDocs();
    const shown = await tryIt(tab, 'One order', { id: '7', currency: 'TWD' }, /200 OK/);
    expect(shown).toMatch(
      /^GET \/api\/orders\/7\?currency=TWD\s+200 OK\s+\{\n {2}"id": 7,\n {2}"of": "TWD"\n\}$/,
    );
    await tab.expectGoodLooks('api-docs-response');
  });

  test('shows which field a 400 is about', async () => {
    const tab = await openDocs();
    tab.expectProblem(/status of 400.*orders\/0/);
    const shown = await tryIt(tab, 'One order', { id: '0' }, /400 Bad Request/);
    expect(shown).toContain('"message": "must be a whole number from 1"');
    await tab.expectGoodLooks('api-docs-400');
  });

  test("sends the session's cookie: an operation that needs a login works after one", async () => {
    const tab = await openDocs();
    tab.expectProblem(/status of 401.*orders\/mine/);
    expect(await operation(tab, 'My order').locator('.chip').first().innerText()).toBe('needs a login');
    await tryIt(tab, 'My order', {}, /401 Unauthorized/);
    expect(await call(tab, 'POST', DEMO)).toBe(201);
    expect(await tryIt(tab, 'My order', {}, /200 OK/)).toContain('"of": "demo"');
    expect(await call(tab, 'DELETE')).toBe(204);
    await tryIt(tab, 'My order', {}, /401 Unauthorized/);
  });

  test.each(['127.0.0.1', 'localhost'])('is no door for a page of another origin at %s', async (host) => {
    const tab = await openDocs();
    expect(await call(tab, 'POST', DEMO)).toBe(201);
    const { port } = await serve((app) => {
      const form = `<form method="post" enctype="text/plain" action="${url}/api/session"><button>Win</button></form>`;
      app.get('/', (_req, res) =>
        res.send(`<!doctype html><link rel="icon" href="data:,"><title>Other</title>${form}`),
      );
    });
    const other = await browser.open(`http://${host}:${port}/`, { beside: tab });
    other.expectProblem(/status of 403/);
    await other.page.getByRole('button').click();
    await other.page.getByText('Refused: the request comes from another site').waitFor();
    expect(await tryIt(tab, 'My order', {}, /200 OK/)).toContain('"of": "demo"');
  });

  test('is used with the keyboard alone', async () => {
    const tab = await openDocs();
    const { keyboard } = tab.page;
    const isThere = () =>
      tab.page.evaluate(
        `document.activeElement.matches('summary') && document.activeElement.textContent.includes('One order')`,
      );
    for (let i = 0; i < 10 && !(await isThere()); i++) await keyboard.press('Tab');
    await keyboard.press('Enter');
    await operation(tab, 'One order').getByLabel('id').waitFor();
    await keyboard.press('Tab');
    await keyboard.type('12');
    await keyboard.press('Enter');
    await tab.page.getByText('"id": 12').waitFor();
    expect(await tab.page.getByRole('status').innerText()).toContain('200 OK');
  });
});
