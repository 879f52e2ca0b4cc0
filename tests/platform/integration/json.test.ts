import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express, { type Express } from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { quickJson } from '../../../src/platform/http/json.ts';
import { sendRaw } from '../../support/http.ts';

const VALUES: Readonly<Record<string, unknown>> = {
  object: { hello: 'world', nested: [1, null, true] },
  accents: { city: 'São Paulo', sign: '€', face: '😀' },
  latin1: { name: 'Zoë' },
  markup: { html: '</script><!-- & -->' },
  null: null,
  undefined: undefined,
  number: 3.5,
  long: { text: 'x'.repeat(20_000) },
  date: new Date(0),
};

/** The query says what a handler and the app do beside `res.json`. */
function app(quick: boolean): Express {
  const app = express().disable('x-powered-by').set('etag', false);
  if (quick) quickJson(app);
  app.all('/:name', (req, res) => {
    const { type, status, etag, spaces } = req.query as Record<string, string | undefined>;
    if (type) res.type(type);
    if (status) res.status(Number(status));
    if (etag) res.set('ETag', etag);
    app.set('json spaces', spaces === undefined ? undefined : Number(spaces));
    app.set('etag', req.query.app === 'etag' ? 'weak' : false);
    res.json(VALUES[req.params.name]);
  });
  return app;
}

describe('quickJson sends what Express sends', () => {
  let servers: Server[] = [];
  beforeAll(async () => {
    servers = [false, true].map((quick) => createServer(app(quick)).listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  async function expectSame(request: string, headers = ''): Promise<string> {
    const raw = `${request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`;
    const responses = await Promise.all(
      servers.map((server) => sendRaw((server.address() as AddressInfo).port, raw)),
    );
    const [plain, quick = ''] = responses.map((response) => response.replace(/\r\nDate: [^\r]+/, ''));
    expect(quick).toBe(plain);
    return quick;
  }

  test.each(Object.keys(VALUES))('for the value "%s"', async (name) => {
    expect(await expectSame(`GET /${name}`)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  });

  test.each([
    ['HEAD', 'HEAD /object', '', 200],
    ['POST', 'POST /object', '', 200],
    ['a type of its own', 'GET /accents?type=application/problem%2Bjson', '', 200],
    ['status 201', 'GET /object?status=201', '', 201],
    ['status 204', 'GET /object?status=204', '', 204],
    ['status 205', 'GET /object?status=205', '', 205],
    ['status 304', 'GET /object?status=304', '', 304],
    ['status 500', 'GET /object?status=500', '', 500],
    ['an ETag that matches', 'GET /object?etag="a"', 'If-None-Match: "a"\r\n', 304],
    ['an ETag that does not match', 'GET /object?etag="a"', 'If-None-Match: "b"\r\n', 200],
    ['a date', 'GET /object', 'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n', 200],
    ['ETags of the app', 'GET /object?app=etag', '', 200],
    ['spaces', 'GET /object?spaces=2', '', 200],
  ])('with %s', async (_what, request, headers, status) => {
    expect(await expectSame(request, headers)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});
