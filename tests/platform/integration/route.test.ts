import { Router } from 'express';
import { expect, test } from '@jest/globals';
import { route } from '../../../src/platform/http/index.ts';
import { serveEachTest } from '../../support/http.ts';

const serve = serveEachTest();

test('a router that is mounted twice has the pattern of the path that each request came by', async () => {
  const { url } = await serve((app) => {
    const router = Router();
    route(router, '/:id', {
      get: (req, res) => {
        res.send(req.routePattern);
      },
    });
    app.use('/old', router).use('/new', router);
  });
  const patternOf = async (path: string) => (await fetch(url + path)).text();
  expect(await patternOf('/old/1')).toBe('/old/:id');
  expect(await patternOf('/new/1')).toBe('/new/:id');
  expect(await patternOf('/NEW/2')).toBe('/new/:id');
  expect(await patternOf('/old/2')).toBe('/old/:id');
});
