import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express, { type Express, type RequestHandler } from 'express';
import { leanJson } from '../../src/http/lean-json.ts';
import { sendRaw } from '../support/http.ts';

const VALUES: Readonly<Record<string, unknown>> = {
  object: { hello: 'world', nested: [1, null, true] },
  text: 'ASCII only',
  accents: { city: 'São Paulo', sign: '€', face: '😀' },
  latin1: { name: 'Zoë' },
  markup: { html: '</script><!-- & -->' },
  empty: {},
  null: null,
  undefined: undefined,
  number: 3.5,
  long: { text: 'x'.repeat(20_000) },
  date: new Date(0),
};

/** The same routes, with and without: what `res.json` does besides is set by the query. */
function app(lean: boolean): Express {
  const made = express().disable('x-powered-by').set('etag', false);
  if (lean) leanJson(made);
  const answer: RequestHandler = (req, res) => {
    const { type, status, etag, spaces } = req.query as Record<string, string | undefined>;
    if (type) res.type(type);
    if (status) res.status(Number(status));
    if (etag) res.set('ETag', etag);
    made.set('json spaces', spaces === undefined ? undefined : Number(spaces));
    made.set('etag', req.query.app === 'etag' ? 'weak' : false);
    res.json(VALUES[String(req.params.name)]);
  };
  made.all('/:name', answer);
  return made;
}

let servers: Server[] = [];
let ports: number[] = [];
beforeAll(async () => {
  servers = [false, true].map((lean) => createServer(app(lean)).listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  ports = servers.map((server) => (server.address() as AddressInfo).port);
});
afterAll(() => {
  for (const server of servers) server.close();
});

/** What Express says and what is said in its place, headers included; only the clock may differ. */
async function both(request: string, headers = ''): Promise<[express: string, lean: string]> {
  const raw = `${request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`;
  const answers = await Promise.all(ports.map((port) => sendRaw(port, raw)));
  const [plain = '', lean = ''] = answers.map((answer) => answer.replace(/\r\nDate: [^\r]+/, ''));
  return [plain, lean];
}

describe('the short way to JSON gives what Express gives', () => {
  test.each(Object.keys(VALUES))('for the value "%s"', async (name) => {
    const [plain, lean] = await both(`GET /${name}`);
    expect(lean).toBe(plain);
    expect(lean).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  });

  test.each([
    ['HEAD', 'HEAD /object', ''],
    ['POST', 'POST /object', ''],
    ['a type of its own', 'GET /accents?type=application/problem%2Bjson', ''],
    ['status 201', 'GET /object?status=201', ''],
    ['status 204', 'GET /object?status=204', ''],
    ['status 205', 'GET /object?status=205', ''],
    ['status 304', 'GET /object?status=304', ''],
    ['status 500', 'GET /object?status=500', ''],
    ['an ETag that is matched', 'GET /object?etag="a"', 'If-None-Match: "a"\r\n'],
    ['an ETag that is not', 'GET /object?etag="a"', 'If-None-Match: "b"\r\n'],
    ['a date that is asked for', 'GET /object', 'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n'],
    ['ETags of the app', 'GET /object?app=etag', ''],
    ['spaces', 'GET /object?spaces=2', ''],
  ])('with %s', async (_what, request, headers) => {
    const [plain, lean] = await both(request, headers);
    expect(lean).toBe(plain);
    expect(lean).toMatch(/^HTTP\/1.1 \d{3} /);
  });
});
