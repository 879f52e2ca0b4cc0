import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import express from 'express';
import { describeInBrowser } from '../support/browser.ts';
import { until } from '../support/until.ts';

/** Has one of everything that a test of a page has to find. */
const BAD_PAGE = `<!doctype html><html lang="en"><title>Bad</title><h1>Bad</h1><img src="/no-image">
  <p style="color: #ddd">style</p><script>inline()</script><script src="/bad.js"></script></html>`;

describeInBrowser('what tests of pages look at', (browser) => {
  let server: Server;
  let url: string;

  beforeAll(async () => {
    const app = express();
    app.get('/', (_req, res) => res.set('Content-Security-Policy', "default-src 'self'").send(BAD_PAGE));
    app.get('/bad.js', (_req, res) =>
      res.type('js').send('fetch("/cut").catch(() => missing()); console.error("own")'),
    );
    app.get('/favicon.ico', (_req, res) => res.status(204).end());
    app.get('/cut', (_req, res) => res.destroy());
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });

  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  test('finds errors, failed requests, violations of the CSP and what axe reports', async () => {
    const tab = await browser.open(url);
    tab.expectProblem(
      /page error: missing is not defined/,
      /console: own/,
      /404.*no-image/,
      /request failed: GET .*\/cut/,
      /CSP: script-src-elem blocks inline/,
      /CSP: style-src-attr blocks inline/,
      /Refused to|violates the following Content Security Policy/i,
      /ERR_EMPTY_RESPONSE/,
    );
    await until(() => tab.unexpected().length === 0);
    expect((await tab.accessibilityProblems()).join()).toMatch(/image-alt/);
    expect(await tab.bytes()).toBeGreaterThan(BAD_PAGE.length);
    expect(await tab.firstRenderMs()).toBeGreaterThan(0);
  });

  test('finds a violation of the CSP without JavaScript, too, and what was expected and did not come', async () => {
    const tab = await browser.open(url, { javaScriptEnabled: false });
    tab.expectProblem(/Content Security Policy/, /404.*no-image/, /nothing of the kind/);
    expect(tab.unexpected()).toEqual(['did not come: /nothing of the kind/']);
    tab.problems.push('nothing of the kind');
  });
});
