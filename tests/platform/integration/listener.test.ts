import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import express, { type Express } from 'express';
import { createHttpServer } from '../../../src/platform/http/server.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { testConfig } from '../../support/config.ts';
import { LogLines, sendRaw, serve } from '../../support/http.ts';
import { createTestApp } from '../../support/test-app.ts';
import { WHOLE_APP } from '../../support/whole-app.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const close of closing.splice(0)) await close();
});

/** Any app on the template's server, with nothing around it. */
async function listen(app: Express): Promise<{ port: number; log: LogLines }> {
  const log = new LogLines();
  const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
  const server = createHttpServer(app, testConfig(), logger).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, log };
}

const ask = (port: number, target: string, { host = 'a', method = 'GET' } = {}) =>
  sendRaw(port, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

/** The head of a response without what differs from one to the next. */
const withoutDate = (response: string) => response.replace(/^(?:Date|Keep-Alive): .*\r\n/gm, '');

/** Apps that leave something to the last word: made anew for each server. */
const APPS: Record<string, () => Express> = {
  'nothing at all': () => express(),
  'a handler that goes on': () =>
    express().use((_req, _res, next) => {
      next();
    }),
  'a middleware that rewrites the URL': () =>
    express().use((req, _res, next) => {
      req.url = `/again${req.url}`;
      next();
    }),
  'a middleware that rewrites the URL into one that cannot be read': () =>
    express().use((req, _res, next) => {
      req.url = 'http://[';
      next();
    }),
  'static files that redirect': () => express().use(express.static('src', { redirect: true })),
  'a handler that throws': () =>
    express().use(() => {
      throw new Error('thrown');
    }),
  'a handler whose error has a status and headers': () =>
    express().use(() => {
      throw Object.assign(new Error('teapot'), { status: 418, headers: { 'X-Own': 'yes' } });
    }),
  'an error handler that fails': () =>
    express().use(
      () => {
        throw new Error('first');
      },
      (_error: unknown, _req: express.Request, _res: express.Response, _next: express.NextFunction) => {
        throw new Error('second');
      },
    ),
  'a handler that throws when half is out': () =>
    express().use((_req, res) => {
      res.write('half');
      throw new Error('thrown');
    }),
};

describe.each(['development', 'production'])('in %s, an app of', (env) => {
  test.each(Object.entries(APPS))('%s gets the last word of Express, once', async (_name, make) => {
    const counted = (count: { runs: number }) => {
      const app = express().set('env', env);
      app.use((_req, _res, next) => {
        count.runs++;
        next();
      });
      return app.use(make().set('env', env));
    };
    // Where Express itself reports an error.
    jest.spyOn(console, 'error').mockReturnValue();
    const [ours, theirs] = [{ runs: 0 }, { runs: 0 }];
    const plain = createServer(counted(theirs)).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    closing.push(() => plain.close());
    const { port } = await listen(counted(ours));
    const text = withoutDate(await ask(port, '/http'));
    // Node's own server says the same, but for the stack's lines about the server.
    const expected = withoutDate(await ask((plain.address() as AddressInfo).port, '/http'));
    const head = (response: string) => response.split('<br>', 1)[0]?.replace(/Content-Length: .*\r\n/, '');
    expect(head(text)).toBe(head(expected));
    expect([ours.runs, theirs.runs]).toEqual([1, 1]);
  });
});

test('an error that no error handler took is logged', async () => {
  const { port, log } = await listen(
    express().use(() => {
      throw new Error('nobody takes it');
    }),
  );
  expect(await ask(port, '/')).toMatch(/^HTTP\/1.1 500 /);
  expect(await log.waitFor(1)).toEqual([
    expect.objectContaining({ level: 'error', err: expect.objectContaining({ message: 'nobody takes it' }) }),
  ]);
});

test.each<[string, () => unknown]>([
  [
    'whose status cannot be read',
    () => ({
      get status(): never {
        throw new Error('no status');
      },
    }),
  ],
  [
    'that is a proxy of nothing',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  ],
])('something thrown %s, and no error handler took, is a 500', async (_name, make) => {
  const { port, log } = await listen(
    express().use(() => {
      throw make();
    }),
  );
  expect(await ask(port, '/')).toMatch(/^HTTP\/1.1 500 /);
  expect(await log.waitFor(1)).toEqual([expect.objectContaining({ level: 'error' })]);
});

const UNREADABLE = [
  'http://[',
  'http://',
  'http:///livez',
  'http://a:99999/',
  'http://user@a/',
  'http://user:secret@a/',
  'http://@a/',
  'https://a b@c/',
  'ftp://a/',
  '//a@[/#',
];

describe.each(['a bare app', 'an app with everything'])('%s: a target that cannot be read', (kind) => {
  test.each(UNREADABLE)('%s is a 400 in one line of the log, and no middleware sees it', async (target) => {
    let runs = 0;
    const count: express.RequestHandler = (_req, res) => {
      runs++;
      res.end();
    };
    const bare = kind === 'a bare app';
    const { port, log } = bare
      ? await listen(express().use(count))
      : await serve((app) => app.use(count)).then((served) => (closing.push(served.close), served));
    const response = await ask(port, target);
    expect(response).toMatch(/^HTTP\/1.1 400 /);
    expect(response).toContain('application/problem+json');
    expect(runs).toBe(0);
    const lines = await log.waitFor(1);
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', status: 400 })]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});

describe('a target in absolute form', () => {
  test.each([
    ['http://b/path?x=1', '/path?x=1', 'b'],
    ['HTTP://B:8080/path', '/path', 'B:8080'],
    ['https://b/path', '/path', 'b'],
    ['http://b', '/', 'b'],
    ['http://b?x=1', '/?x=1', 'b'],
    ['http://b//path', '//path', 'b'],
    ['http://[::1]:3000/', '/', '[::1]:3000'],
    ['http://b/http://c/', '/http://c/', 'b'],
  ])('%s is %s, at the host it names', async (target, url, host) => {
    const { port } = await listen(
      express().use((req, res) => {
        res.json({ url: req.url, originalUrl: req.originalUrl, host: req.headers.host });
      }),
    );
    const response = await ask(port, target);
    expect(JSON.parse(response.slice(response.indexOf('{')))).toEqual({ url, originalUrl: url, host });
  });

  test('leads to every part of the app', async () => {
    const { app, log, close } = await createTestApp({}, WHOLE_APP);
    closing.push(close);
    const { port } = await listen(app);
    for (const [path, status] of Object.entries({
      '/livez': 200,
      '/readyz': 200,
      '/': 200,
      '/api/items/1': 200,
    })) {
      expect(await ask(port, `http://example.com${path}`)).toContain(`HTTP/1.1 ${status} `);
    }
    expect(await ask(port, 'http://example.com/none')).toContain('HTTP/1.1 404 ');
    await log.waitForLine(({ path }) => path === '/none');
    const requests = log.lines.filter(({ msg }) => msg === 'request');
    expect(requests.map(({ path }) => path)).toEqual(['/', '/api/items/1', '/none']);
  });
});

describe('the Host header', () => {
  const TWICE = 'Host: a\r\nHost: b\r\n';
  test.each([
    ['twice', TWICE],
    ['twice, the same', 'Host: a\r\nhost: a\r\n'],
    ['twice, one of them empty', 'Host:\r\nHost: a\r\n'],
    ['missing', ''],
    ['that is none', 'Host: a@b\r\n'],
  ])('%s is a 400, wherever the request goes', async (_name, headers) => {
    const { app, close } = await createTestApp({}, WHOLE_APP);
    closing.push(close);
    const { port } = await listen(app);
    for (const target of ['/', '/livez', '/readyz', '/style.css', '/none', '/api/items']) {
      const response = await sendRaw(port, `GET ${target} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`);
      expect([target, response.slice(0, 12)]).toEqual([target, 'HTTP/1.1 400']);
    }
    const absolute = await sendRaw(port, `GET http://a/livez HTTP/1.1\r\n${TWICE}Connection: close\r\n\r\n`);
    expect(absolute).toMatch(/^HTTP\/1.1 400 /);
  });

  test('need not be there in HTTP/1.0, where probes send none', async () => {
    const { app, close } = await createTestApp({}, WHOLE_APP);
    closing.push(close);
    const { port } = await listen(app);
    expect(await sendRaw(port, 'GET /livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /);
    expect(await sendRaw(port, 'GET http://a/livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /);
  });
});
