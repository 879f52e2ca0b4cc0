import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type ConsoleMessage,
  type Page,
  type Request,
} from 'playwright-core';
import type { Content } from '../fixtures/whole-app/features.mjs';
import { describeUnless } from './deploy/tools.ts';
import { createTestApp, type TestApp } from './test-app.ts';

/** Debian's Chromium, or the Chrome of a desktop and of GitHub's machines. */
const CHROMIUM = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);
const HOW_TO =
  'Run: apt-get install --no-install-recommends chromium fonts-dejavu-core, or set CHROMIUM_PATH';

const SCREENSHOTS =
  process.env.SCREENSHOTS_DIR || fileURLToPath(new URL('../browser/screenshots', import.meta.url));

/** How long a page may take on a busy machine. It bounds a hang, and measures nothing. */
const PATIENCE_MS = 90_000;

/** A telephone and a laptop. */
const WIDTHS = [390, 1280];
const COLOR_SCHEMES = ['light', 'dark'] as const;

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Chromium logs most violations, and this reports all, with what they violate. */
const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) =>
  console.error('CSP: ' + event.effectiveDirective + ' blocks ' + (event.blockedURI || 'inline code')))`;

/** What is used of what axe returns. */
interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary: string }[];
  }[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** Of a tab whose session this one shares, as a second tab of the same window does. */
  readonly beside?: Tab;
}

/**
 * `describe` for a suite in a real browser. Without a Chromium it is skipped with a line that says how to install one; with
 * CI=true that is a failure. After each test its tabs are closed, and whatever went wrong in one of them fails it.
 */
export function describeInBrowser(name: string, suite: (browser: TestBrowser) => void): void {
  describeUnless(CHROMIUM === undefined ? HOW_TO : undefined, name, () => {
    const browser = new TestBrowser();
    beforeAll(() => browser.start());
    // Both run in front of the suite's own, so that no app closes under a page.
    afterEach(() => browser.closeTabs());
    afterAll(() => browser.stop());
    suite(browser);
  });
}

/** A Chromium, and the apps that its pages come from. They end with the suite. */
export class TestBrowser {
  #browser: Browser | undefined;
  readonly #tabs: Tab[] = [];
  readonly #stops: (() => Promise<unknown>)[] = [];

  async start(): Promise<void> {
    this.#browser = await chromium.launch({
      ...(CHROMIUM && { executablePath: CHROMIUM }),
      timeout: PATIENCE_MS,
    });
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    for (const stop of this.#stops.splice(0)) await stop();
  }

  /** Serves an app of its own on a free port until the suite ends: see {@link createTestApp}. */
  async serve(env: Record<string, string> = {}, content?: Content): Promise<TestApp & { url: string }> {
    const app = await createTestApp(env, content);
    const server = app.app.listen(0, '127.0.0.1');
    this.#stops.push(async () => {
      server.close();
      server.closeAllConnections();
      await app.close();
    });
    await once(server, 'listening');
    return { ...app, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  /** Opens a page in a window of its own: with no cookie, and what `options` sets (`javaScriptEnabled: false`). */
  async open(url: string, { beside, ...options }: OpenOptions = {}): Promise<Tab> {
    if (!this.#browser) throw new Error('the browser has not started');
    const context = beside?.context ?? (await this.#browser.newContext(options));
    context.setDefaultTimeout(PATIENCE_MS);
    const tab = new Tab(context, await context.newPage());
    this.#tabs.push(tab);
    if (options.javaScriptEnabled !== false) await tab.page.addInitScript(REPORT_VIOLATIONS);
    await tab.page.goto(url);
    return tab;
  }

  /** @throws when something went wrong in one of them that its test does not expect. */
  async closeTabs(): Promise<void> {
    const tabs = this.#tabs.splice(0);
    const problems = tabs.flatMap((tab) => tab.unexpected());
    for (const { context } of tabs) await context.close();
    expect(problems).toEqual([]);
  }
}

/** A page of the browser, and what went wrong in it: errors in its console, its scripts and its requests, violated CSP. */
export class Tab {
  readonly problems: string[] = [];
  readonly #expected: RegExp[] = [];
  readonly #finished: Request[] = [];

  readonly context: BrowserContext;
  readonly page: Page;

  constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on('console', (message) => {
      this.#addLogged(message);
    });
    page.on('pageerror', (error) => this.problems.push(`page error: ${error.message}`));
    page.on('requestfailed', (request) => {
      this.#addFailed(request);
    });
    page.on('requestfinished', (request) => {
      this.#finished.push(request);
    });
  }

  /** Names a problem that the test causes: one that matches must come, and fails no test. */
  expectProblem(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  /** The problems that no test has named, and those that were named and did not come. */
  unexpected(): string[] {
    const surprises = this.problems.filter((text) => !this.#expected.some((one) => one.test(text)));
    const missing = this.#expected.filter((one) => !this.problems.some((text) => one.test(text)));
    return [...surprises, ...missing.map((one) => `did not come: ${String(one)}`)];
  }

  /** What axe finds: no contrast too low, no field without a label … */
  async accessibilityProblems(): Promise<string[]> {
    await this.page.evaluate(axe);
    const found = await this.page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })');
    return found.violations.flatMap(({ id, help, nodes }) =>
      nodes.map((node) => `${id} (${help}): ${node.target.join(' ')}\n${node.failureSummary}`),
    );
  }

  /**
   * Looks at the page as it is now, at the width of a telephone and of a laptop, in light and dark: nothing is wider than the
   * window, axe finds nothing, and a screenshot of it is kept.
   */
  async expectGoodLooks(name: string): Promise<void> {
    for (const colorScheme of COLOR_SCHEMES) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const width of WIDTHS) {
        await this.page.setViewportSize({ width, height: 900 });
        const at = `${name} at ${width} px in ${colorScheme}`;
        const fits = await this.page.evaluate('document.documentElement.scrollWidth <= innerWidth');
        expect([at, fits, await this.accessibilityProblems()]).toEqual([at, true, []]);
        const path = join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`);
        await this.page.screenshot({ path, fullPage: true });
      }
    }
  }

  /** The size of all that the page has loaded so far, uncompressed. */
  async bytes(): Promise<number> {
    const sizes = await Promise.all(this.#finished.map(sizeOf));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** From the navigation to the first text or image on the screen, in milliseconds, as the browser measures it. */
  async firstRenderMs(): Promise<number> {
    return this.page.evaluate(`new Promise((resolve) => {
      const take = (list) => list.getEntriesByName('first-contentful-paint').forEach((entry) => resolve(entry.startTime));
      new PerformanceObserver(take).observe({ type: 'paint', buffered: true });
    })`);
  }

  #addLogged(message: ConsoleMessage): void {
    if (message.type() === 'error')
      this.problems.push(`console: ${message.text()} (${message.location().url})`);
  }

  #addFailed(request: Request): void {
    const reason = request.failure()?.errorText ?? '';
    // The browser's own doing, for what a page still loads, or streams, when it is left; and for a download.
    if (reason === 'net::ERR_ABORTED') return;
    this.problems.push(`request failed: ${request.method()} ${request.url()} ${reason}`);
  }
}

async function sizeOf(request: Request): Promise<number> {
  const response = await request.response();
  // A redirect has no body.
  const isRedirect = response && response.status() >= 300 && response.status() < 400;
  return !response || isRedirect ? 0 : (await response.body()).length;
}
