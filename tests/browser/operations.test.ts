import { expect, test } from '@jest/globals';
import { describeInBrowser, type Tab } from '../support/browser.ts';
import type { ClusterProcess } from '../support/cluster/cluster-process.ts';
import { BAD_SERVERS, type Releases } from '../support/cluster/releases.ts';
import { clusterSuite } from '../support/cluster/suite.ts';
import { freePort } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a-token-for-tests-0123456789abcdef';

describeInBrowser('the operations page in a browser', (browser) => {
  const { start, host, load } = clusterSuite();

  const startWithToken = async (env: Record<string, string> = {}, releases?: Releases) =>
    start({ releases: releases ?? (await host()), env: { ADMIN_TOKEN: TOKEN, ...env } });
  const open = async ({ adminPort }: ClusterProcess) => {
    const tab = await browser.open(`http://127.0.0.1:${adminPort}/login?token=${TOKEN}`);
    await tab.page.locator('#connection', { hasText: 'live' }).waitFor();
    return tab;
  };
  /** Some routes, one of them busy with `blockFor`. */
  const putUnderLoad = async (cluster: ClusterProcess) => {
    await load(cluster, [
      { count: 2, path: '/test/block?ms=20', thinkMs: 30 },
      { count: 4, path: '/api/items', thinkMs: 50 },
      { count: 1, path: '/no/such/route', thinkMs: 200 },
    ]);
  };
  const act = async ({ page }: Tab, action: string) => {
    await page.locator(`button[value="${action}"]`).click();
    await page.locator('#confirm-yes').click();
  };
  const result = ({ page }: Tab, text: string | RegExp) =>
    page.locator('#results li', { hasText: text }).first().waitFor({ timeout: 60_000 });
  const row = ({ page }: Tab, table: string, text: string | RegExp) =>
    page.locator(`#${table} tbody tr`, { hasText: text }).first();
  const pidsIn = async ({ page }: Tab) =>
    (await page.locator('#workers tbody td:nth-child(2)').allInnerTexts()).map(Number);

  test('shows an app under load, looks good, and is small', async () => {
    const cluster = await startWithToken();
    await putUnderLoad(cluster);
    const tab = await open(cluster);
    const [bytes, milliseconds] = [await tab.bytes(), await tab.firstRenderMs()];
    process.stderr.write(
      `the operations page: ${bytes} bytes, first render after ${milliseconds.toFixed(0)} ms\n`,
    );
    expect(bytes).toBeLessThanOrEqual(150_000);
    await row(tab, 'routes', 'GET /api/items').waitFor();
    await row(tab, 'configuration', /^ADMIN_TOKEN.*set, not shown/).waitFor();
    expect(await tab.page.content()).not.toContain(TOKEN);
    await tab.expectGoodLooks('operations');
  });

  test('shows that a worker was killed, and the one in its place', async () => {
    const cluster = await startWithToken();
    await putUnderLoad(cluster);
    const tab = await open(cluster);
    await until(async () => (await pidsIn(tab)).filter((pid) => pid > 0).length === 2);
    const [pid = 0] = await pidsIn(tab);
    process.kill(pid, 'SIGKILL');
    expect(await row(tab, 'restarts', String(pid)).innerText()).toContain('SIGKILL');
    await row(tab, 'errors', 'crash').waitFor();
    await until(async () => {
      const pids = await pidsIn(tab);
      return pids.length === 2 && !pids.includes(pid);
    });
    await tab.page.locator('#state', { hasText: 'serving' }).waitFor();
  });

  test('reloads, scales and sets the log level, each when it is confirmed', async () => {
    const cluster = await startWithToken();
    await putUnderLoad(cluster);
    const tab = await open(cluster);
    await tab.page.locator('button[value="reload"]').click();
    await tab.page.getByRole('button', { name: 'Cancel' }).click();
    await act(tab, 'reload');
    await result(tab, /^Reload: (?!running)/);
    await row(tab, 'reloads', 'done').waitFor();
    expect(await tab.page.locator('#reloads tbody tr').count()).toBe(1);
    await tab.page.getByRole('spinbutton', { name: 'Workers' }).fill('3');
    await act(tab, 'scale');
    await tab.page.locator('#tiles', { hasText: '3 of 3' }).waitFor();
    await tab.page.getByLabel('Log level').selectOption('debug');
    await act(tab, 'log-level');
    await tab.page.locator('#facts', { hasText: /Log level\s*debug/ }).waitFor();
  });

  test('shows why a reload was aborted', async () => {
    const releases = await host();
    const tab = await open(await startWithToken({}, releases));
    await releases.deploy('broken', { server: BAD_SERVERS['throws at its start'] });
    await act(tab, 'reload');
    await result(tab, /^Reload failed: .*worker/);
    expect(await row(tab, 'reloads', 'aborted').innerText()).toMatch(/worker/);
  });

  test('draws the flame graph of a busy route, for a mouse and for a keyboard', async () => {
    // One worker: of two, one might serve none of these clients.
    const cluster = await startWithToken({ WEB_CONCURRENCY: '1' });
    await putUnderLoad(cluster);
    const tab = await open(cluster);
    const { page } = tab;
    await page.getByLabel('Record for (seconds)').fill('2');
    await act(tab, 'cpu-profile');
    await result(tab, /CPU profile of worker 0.*Download/);
    await row(tab, 'top', 'blockFor').waitFor();
    const busy = page.locator('#flame button', { hasText: 'blockFor' }).first();
    await busy.hover();
    expect(await page.locator('#flame-detail').innerText()).toMatch(/^blockFor .*features\/index\.js:\d+/);
    await busy.focus();
    await page.keyboard.press('Enter');
    await page.locator('#flame .caller').first().waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#flame .caller').first().waitFor({ state: 'detached' });
    await page.getByLabel('Find a function').fill('blockFor');
    await page.locator('#flame .match').first().waitFor();
    await tab.expectGoodLooks('operations-flame');
  });

  test('waits for an app that restarts, and then asks for a login', async () => {
    const ADMIN_PORT = String(await freePort());
    const cluster = await startWithToken({ ADMIN_PORT });
    const tab = await open(cluster);
    tab.expectProblem(/ERR_CONNECTION_REFUSED/, /status of 401/);
    cluster.signal('SIGTERM');
    await cluster.exit();
    await until(() => tab.problems.some((problem) => problem.includes('ERR_CONNECTION_REFUSED')));
    expect(await tab.page.locator('#connection').innerText()).toBe('reconnecting');
    await startWithToken({ ADMIN_PORT });
    await tab.page.locator('#connection', { hasText: 'logged out' }).waitFor();
    await tab.page.getByRole('link', { name: 'Log in' }).click();
    await tab.page.getByLabel('Token').waitFor();
  });

  test('is seen with the token alone, and no more after a logout', async () => {
    const cluster = await startWithToken();
    const tab = await browser.open(`http://127.0.0.1:${cluster.adminPort}/`);
    tab.expectProblem(/status of 401/);
    await tab.page.getByLabel('Token').fill('a guess');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByText('not the token').waitFor();
    await tab.expectGoodLooks('operations-login');
    await tab.page.getByLabel('Token').fill(TOKEN);
    await tab.page.keyboard.press('Enter');
    await tab.page.locator('#connection', { hasText: 'live' }).waitFor();
    await tab.page.getByRole('button', { name: 'Log out' }).click();
    await tab.page.getByLabel('Token').waitFor();
    await tab.page.goBack();
    expect(await tab.page.getByRole('heading').allInnerTexts()).toEqual(['Operations']);
  });
});
