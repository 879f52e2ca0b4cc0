import { beforeAll, expect, test } from '@jest/globals';
import { describeInBrowser, type Tab } from '../support/browser.ts';
import { TEST_SECRET } from '../support/config.ts';

const PASSWORD = 'a password for tests';
const WITHOUT_SCRIPTS = { javaScriptEnabled: false };

describeInBrowser('the start page in a browser', (browser) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await browser.serve({ NODE_ENV: 'development', DEMO_PASSWORD: PASSWORD }));
  });

  const button = ({ page }: Tab, name: string) => page.getByRole('button', { name, exact: true });
  const logIn = async (tab: Tab, password = PASSWORD) => {
    await tab.page.getByLabel('Password').fill(password);
    await button(tab, 'Log in').click();
  };
  const changeCity = async (tab: Tab, city: string) => {
    await tab.page.getByLabel('City').fill(city);
    await button(tab, 'Change').click();
  };
  /** Waits until the page has a text. */
  const shows = (tab: Tab, text: string | RegExp) => tab.page.getByText(text).first().waitFor();
  /** Chooses a request, and waits until its response is there. */
  const choose = async (tab: Tab, path: string) => {
    const request = tab.page.getByText(`GET ${path}`, { exact: true });
    await tab.page.locator('.requests a', { has: request }).click();
    await tab.page
      .locator('#panel')
      .getByRole('heading', { name: `GET ${path}`, exact: true })
      .waitFor();
    return tab.page.locator('#panel').innerText();
  };

  test('looks good before and after a login, in 150 kB', async () => {
    const tab = await browser.open(url);
    await tab.page.locator('#panel pre').waitFor();
    const [bytes, milliseconds] = [await tab.bytes(), await tab.firstRenderMs()];
    process.stderr.write(
      `the start page: ${bytes} bytes, first render after ${milliseconds.toFixed(0)} ms\n`,
    );
    expect(bytes).toBeLessThanOrEqual(150_000);
    await tab.expectGoodLooks('home');
    await logIn(tab);
    await shows(tab, 'Logged in as');
    tab.expectProblem(/status of 400.*page=0/);
    await choose(tab, '/api/companies?page=0&sort=age');
    await tab.expectGoodLooks('home-logged-in');
  });

  test('logs in, changes a company and logs out without leaving the page', async () => {
    const tab = await browser.open(url);
    expect([await button(tab, 'Change').isDisabled(), await button(tab, 'Log out').count()]).toEqual([
      true,
      0,
    ]);
    await logIn(tab);
    await shows(tab, /Logged in as demo/);
    await shows(tab, '201 Created');
    await changeCity(tab, 'Kyoto');
    await shows(tab, '"city": "Kyoto"');
    expect(await tab.page.getByLabel('City').inputValue()).toBe('Kyoto');
    const second = await browser.open(url, { beside: tab });
    expect(await second.page.getByLabel('City').inputValue()).toBe('Kyoto');
    await button(tab, 'Log out').click();
    await shows(tab, 'Not logged in');
    expect([
      await button(tab, 'Change').isDisabled(),
      await tab.page.getByLabel('City').isDisabled(),
    ]).toEqual([true, true]);
    await second.page.reload();
    await shows(second, 'Not logged in');
  });

  test('shows what is wrong next to the field, and keeps what was entered', async () => {
    const tab = await browser.open(url);
    tab.expectProblem(/status of 401.*api\/session/, /status of 400.*api\/companies\/1/);
    await tab.page.getByLabel('Name').fill('ada');
    await logIn(tab, 'a guess');
    const password = tab.page.getByLabel('Password');
    await shows(tab, 'Wrong user name or password');
    expect(await password.inputValue()).toBe('a guess');
    expect(await tab.page.getByLabel('Name').inputValue()).toBe('ada');
    expect(await password.getAttribute('aria-invalid')).toBe('true');
    expect(await tab.page.evaluate('document.activeElement.id')).toBe('password');
    await tab.expectGoodLooks('home-wrong-password');
    await tab.page.getByLabel('Name').fill('demo');
    await logIn(tab);
    await shows(tab, 'Logged in as');
    expect(await tab.page.getByText('Wrong user name').count()).toBe(0);
    await changeCity(tab, '   ');
    await shows(tab, 'must not be empty');
    expect(await tab.page.getByLabel('City').inputValue()).toBe('   ');
  });

  test('works without JavaScript: forms, links and errors', async () => {
    const tab = await browser.open(url, WITHOUT_SCRIPTS);
    expect(await tab.page.locator('#panel').isVisible()).toBe(false);
    await logIn(tab, 'a guess');
    tab.expectProblem(/status of 401/, /status of 400/);
    await shows(tab, 'Wrong user name or password');
    await shows(tab, 'Go back, log in, and try again.');
    await tab.page.getByRole('link').click();
    await logIn(tab);
    await shows(tab, /Logged in as demo/);
    await changeCity(tab, 'Nara');
    await tab.page.waitForURL(/#account$/);
    expect(await tab.page.getByLabel('City').inputValue()).toBe('Nara');
    await button(tab, 'Log out').click();
    await shows(tab, 'Not logged in');
    expect(await button(tab, 'Change').isDisabled()).toBe(true);
    await tab.page.getByRole('link', { name: 'page=0' }).click();
    await shows(tab, /page must be/);
    await tab.page.getByRole('link').click();
    await tab.page.getByRole('link', { name: 'GET /livez' }).click();
    expect(await tab.page.content()).toContain('{"status":"ok"}');
  });

  test('opens each response in the panel: as data, as an image, or as what is wrong', async () => {
    const tab = await browser.open(url);
    tab.expectProblem(/status of 400/, /status of 404/, /status of 401/);
    const paths = (await tab.page.locator('.requests code').allInnerTexts()).map((text) => text.slice(4));
    const texts = new Map<string, string>();
    for (const path of paths) texts.set(path, await choose(tab, path));
    const failed = [...texts].filter(([, text]) => !text.includes('200 OK')).map(([path]) => path);
    expect(failed).toEqual(['/api/companies?page=0&sort=age', '/api/companies/9999', '/api/session']);
    expect(texts.get('/api/companies/58')).toMatch(/\{\n {2}"id": 58,\n/);
    expect(texts.get('/api/companies.csv')).toContain('id,name,');
    expect(texts.get('/api/companies?page=0&sort=age')).toMatch(
      /400 Bad Request\s+page must .+\s+sort must /,
    );
    await choose(tab, '/api/companies/58/logo');
    await tab.page.evaluate("document.querySelector('#panel img').decode()");
    expect(await tab.page.locator('#panel img').boundingBox()).toMatchObject({ width: 128, height: 128 });
    expect(new URL(tab.page.url()).pathname).toBe('/');
  });

  test('shows what the cache does: a visitor with a session gets what is kept for all', async () => {
    const own = await browser.serve({ NODE_ENV: 'development', DEMO_PASSWORD: PASSWORD });
    const tab = await browser.open(own.url);
    await shows(tab, 'Cache MISS');
    await logIn(tab);
    await shows(tab, '201 Created');
    const response = tab.page.waitForResponse(/companies\?pageSize/);
    await choose(tab, '/api/companies?pageSize=5&sort=-founded');
    await shows(tab, /from the cache, made \d+ s ago/);
    expect((await response).headers()).toMatchObject({
      'x-cache': 'HIT',
      'cache-control': expect.stringMatching(/^public, /),
    });
    await changeCity(tab, 'Osaka');
    await shows(tab, '"city": "Osaka"');
    await choose(tab, '/api/companies?pageSize=5&sort=-founded');
    await shows(tab, 'Cache MISS');
    await button(tab, 'Send again').click();
    await shows(tab, 'Cache HIT');
  });

  test('is used with the keyboard alone', async () => {
    const tab = await browser.open(url);
    const { keyboard } = tab.page;
    const focused = async () => String(await tab.page.evaluate('document.activeElement.textContent.trim()'));
    const tabTo = async (text: RegExp) => {
      for (let i = 0; i < 30 && !text.test(await focused()); i++) await keyboard.press('Tab');
      expect(await focused()).toMatch(text);
    };
    await tabTo(/^One company/);
    await keyboard.press('Enter');
    await shows(tab, '"id": 58');
    await tabTo(/^Send again/);
    await tab.page.getByLabel('Password').focus();
    await keyboard.press('Enter');
    await shows(tab, 'Logged in as');
    expect(await focused()).toMatch(/^Log in and change/);
  });

  test('keeps no session of its visitors in production, and names no process', async () => {
    const production = await browser.serve({
      NODE_ENV: 'production',
      STORE: 'memory',
      SESSION_SECRETS: TEST_SECRET,
    });
    const tab = await browser.open(production.url);
    await shows(tab, 'Cache MISS');
    expect(await tab.context.cookies()).toEqual([]);
    const text = await tab.page.locator('body').innerText();
    expect(text).toMatch(/NODE_ENV\s+production/);
    expect(text).not.toContain(String(process.pid));
    expect(await tab.page.locator('form').count()).toBe(0);
    await tab.expectGoodLooks('home-production');
  });
});
