import { expect, test } from '@jest/globals';
import * as v from 'valibot';
import { projectPath } from '../../src/platform/config/index.ts';
import { CodedError, securityHeaders, staticFiles } from '../../src/platform/http/index.ts';
import { describeInBrowser, type Tab } from '../support/browser.ts';
import { serveEachTest } from '../support/http.ts';

const serve = serveEachTest();

const query = v.object({
  page: v.pipe(v.string(), v.regex(/^[1-9]\d*$/, 'must be a whole number from 1')),
  sort: v.picklist(['name', 'city'], 'must be one of: name, city'),
});

/** Routes that fail, with the styles and the headers of the whole app. */
const start = async (env: Record<string, string> = {}) => {
  const { url } = await serve((app) => {
    app.use(securityHeaders(), staticFiles(projectPath('public')).handler);
    app.get('/list', (req) => v.parse(query, req.query));
    app.get('/order', () => {
      throw new CodedError('NOT_FOUND', [404, 'Not found'], { detail: 'There is no order 7.' });
    });
    app.get('/busy', () => {
      throw new CodedError('RATE_LIMITED', [429, 'Too many requests']);
    });
    app.get('/broken', () => JSON.parse('{ "<b>": '));
  }, env);
  return url;
};

describeInBrowser('an error page in a browser', (browser) => {
  /** What its person reads: the page's own words, line by line. */
  const wordsOf = async (tab: Tab) => tab.page.locator('main').innerText();

  test.each([
    ['/nothing', 404, ['Not found', 'Check the address', 'NOT_FOUND'], 'error-404'],
    ['/order', 404, ['There is no order 7.', 'Check the address'], 'error-detail'],
    [
      '/list?page=0&sort=age',
      400,
      ['page must be a whole number from 1', 'sort must be one of'],
      'error-400',
    ],
    ['/busy', 429, ['Too many requests', 'Wait a moment'], 'error-429'],
    ['/broken', 500, ['Internal server error', 'report the request'], 'error-500'],
  ])('of %s (%i) says what happened and what to do', async (path, status, expected, name) => {
    const tab = await browser.open((await start()) + path);
    tab.expectProblem(new RegExp(`status of ${status}`));
    const words = await wordsOf(tab);
    for (const part of expected) expect(words).toContain(part);
    expect(words).toMatch(/\nRequest\n[\w-]{8,}$/);
    expect(words).not.toMatch(/at .*\.[jt]s:\d+/);
    expect(await tab.page.locator('main > svg').boundingBox()).toMatchObject({ width: 56, height: 56 });
    await tab.expectGoodLooks(name);
  });

  test('has a link to the start page that the keyboard reaches first', async () => {
    const tab = await browser.open(`${await start()}/nothing`);
    tab.expectProblem(/nothing/, /404.*\/\)$/);
    await tab.page.keyboard.press('Tab');
    await tab.page.keyboard.press('Enter');
    await tab.page.waitForURL(/\/$/);
    expect(await tab.page.getByRole('heading').innerText()).toBe('Not found');
  });

  test('leads with the message in development, and fades what of the stack is not yours', async () => {
    const tab = await browser.open(`${await start({ NODE_ENV: 'development' })}/broken`);
    tab.expectProblem(/status of 500/);
    expect(await tab.page.locator('.lead').innerText()).toMatch(/JSON/);
    const stack = (await tab.page.locator('pre').innerText()).split('\n');
    const faded = await tab.page.locator('pre .faded').allInnerTexts();
    expect(faded.length).toBeGreaterThan(2);
    expect(faded.every((line) => /node_modules|node:/.test(line))).toBe(true);
    expect(stack.filter((line) => !faded.includes(line)).join('\n')).toMatch(/error-page\.test\.ts:\d+/);
    const colorOf = (selector: string) =>
      tab.page.evaluate<string>(`getComputedStyle(document.querySelector('${selector}')).color`);
    expect(await colorOf('pre .faded')).not.toBe(await colorOf('pre'));
    await tab.expectGoodLooks('error-500-development');
  });
});
