import { expect, test } from '@jest/globals';
import { Router } from 'express';
import { route } from '../../src/platform/http/index.ts';
import type { Content } from '../fixtures/whole-app/features.mjs';
import { describeInBrowser } from '../support/browser.ts';

describeInBrowser('a cached response in a browser', (browser) => {
  test('is asked for again each time, and a change is seen at once', async () => {
    let number = 1;
    const features = ((router, { cached }) => {
      const numbers = Router();
      route(numbers, '/', { get: cached({ ttl: 60, stale: 300, tags: ['numbers'] }, () => ({ number })) });
      router.use('/api/number', numbers);
      return {};
    }) as Content['features'];
    const { url, stores } = await browser.serve({}, { features, jobs: () => [] });
    const tab = await browser.open(`${url}/livez`);
    const read = () => tab.page.evaluate("fetch('/api/number').then((response) => response.json())");
    expect(await read()).toEqual({ number: 1 });
    expect(await read()).toEqual({ number: 1 });
    number = 2;
    expect(await stores.cache.purgeTag('numbers')).toBe(true);
    expect(await read()).toEqual({ number: 2 });
  });
});
