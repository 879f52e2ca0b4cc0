import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type Express, type Request, type Response } from 'express';
import request from 'supertest';
import { accessLog } from '../../../src/platform/http/middleware/access-log.ts';
import { currentLog, currentRequestId } from '../../../src/platform/http/middleware/request-context.ts';
import { health } from '../../../src/platform/http/middleware/health.ts';
import { wrap } from '../../../src/platform/http/wrap.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { LogLines, serve } from '../../support/http.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

async function start(env: Record<string, string> = {}, add: (app: Express) => void = () => undefined) {
  const served = await serve((app) => {
    app.get('/hello', (_req, res) => {
      res.send('hello');
    });
    add(app);
  }, env);
  close = served.close;
  return served;
}

describe('the line of a request', () => {
  test('says who asked for what, and what came of it', async () => {
    const { url, log } = await start();
    const response = await fetch(`${url}/hello?page=2`);
    await response.text();
    const [line] = await log.waitFor(1);
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      pid: process.pid,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      reqId: response.headers.get('x-request-id'),
      method: 'GET',
      path: '/hello',
      query: 'page=2',
      status: 200,
      ms: expect.any(Number),
      bytes: expect.any(Number),
      ip: '127.0.0.1',
      msg: 'request',
    });
    expect(line?.bytes).toBeGreaterThan('hello'.length);
  });

  test('of an answer that fails half way is an error, with no secret in it', async () => {
    const { url, log } = await start({}, (app) =>
      app.get(
        '/',
        wrap(() => Readable.from(failing())),
      ),
    );
    await expect((await fetch(url)).text()).rejects.toThrow();
    const [line] = await log.waitFor(1);
    expect(line).toMatchObject({ level: 'error', status: 200, err: { message: 'the disk is gone' } });
    expect(JSON.stringify(line)).not.toContain('sekrit');
  });

  test.each([
    [500, 'error'],
    [502, 'error'],
    [503, 'warn'],
    [404, 'warn'],
    [302, 'info'],
  ])('of a %i that a handler answers itself has the level %s', async (status, level) => {
    const { url, log } = await start({}, (app) => app.get('/', (_req, res) => res.status(status).end()));
    await fetch(url, { redirect: 'manual' });
    expect(await log.waitFor(1)).toEqual([expect.objectContaining({ level, status })]);
  });

  test('counts bytes per request, not per connection', async () => {
    const { url, log } = await start();
    for (let i = 0; i < 3; i++) await (await fetch(`${url}/hello`)).text();
    const lines = await log.waitFor(3);
    expect(new Set(lines.map(({ bytes }) => bytes)).size).toBe(1);
  });

  test('is left out for health checks that pass, and written for one that fails', async () => {
    const lifecycle = new Lifecycle();
    const { url, log } = await start({}, (app) => app.use(health({ lifecycle, storeIsUp: () => true })));
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    lifecycle.markReady();
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    await fetch(`${url}/hello`);
    const lines = await log.waitFor(2);
    expect(lines.map(({ path, status }) => [path, status])).toEqual([
      ['/readyz', 503],
      ['/hello', 200],
    ]);
  });

  test('has the fields of its options, and leaves out the paths that they name', async () => {
    const log = new LogLines();
    const app = express();
    const fields = (req: Request, res: Response) => ({
      tenant: req.get('x-tenant'),
      type: res.get('Content-Type'),
    });
    app.use(
      accessLog(createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log), {
        quietPaths: ['/quiet'],
        fields,
      }),
    );
    app.get(['/quiet', '/readyz'], (_req, res) => {
      res.json({});
    });
    await request(app).get('/quiet');
    await request(app).get('/readyz').set('x-tenant', 'acme');
    const lines = await log.waitFor(1);
    expect(lines).toEqual([
      expect.objectContaining({ path: '/readyz', tenant: 'acme', type: 'application/json; charset=utf-8' }),
    ]);
  });
});

describe('the request id', () => {
  test('is the same in the answer, in req.log, deep in the call, and in the error', async () => {
    const seen: unknown[] = [];
    const { url, log } = await start({}, (app) => {
      app.get('/deep', async (req) => {
        await Promise.resolve();
        seen.push(req.id, currentRequestId());
        req.log.info('from req.log');
        currentLog(createLogger({ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' }, new LogLines())).info(
          'from below',
        );
        throw new Error('broken');
      });
    });
    const response = await fetch(`${url}/deep`);
    const id = response.headers.get('x-request-id');
    expect(id).toMatch(UUID);
    expect(await response.json()).toMatchObject({ requestId: id });
    const lines = await log.waitFor(3);
    expect(seen).toEqual([id, id]);
    expect(lines.map(({ msg, reqId }) => [msg, reqId])).toEqual([
      ['from req.log', id],
      ['from below', id],
      ['request', id],
    ]);
  });

  test('of a client that is no trusted proxy is not taken', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/hello`, { headers: { 'x-request-id': 'made-up-by-client' } });
    expect(response.headers.get('x-request-id')).toMatch(UUID);
  });

  test('of a trusted proxy is taken', async () => {
    const { url } = await start({ TRUST_PROXY: 'loopback' });
    const response = await fetch(`${url}/hello`, { headers: { 'x-request-id': 'edge_0123456789' } });
    expect(response.headers.get('x-request-id')).toBe('edge_0123456789');
  });

  test.each(['short', 'x'.repeat(65), 'with space', 'quote"quote"', 'a,b,c,d,e', '${jndi:ldap://a}'])(
    'of a trusted proxy with the shape %j is not taken',
    async (id) => {
      const { url } = await start({ TRUST_PROXY: 'loopback' });
      const response = await fetch(`${url}/hello`, { headers: { 'x-request-id': id } });
      expect(response.headers.get('x-request-id')).toMatch(UUID);
    },
  );
});

describe('secrets', () => {
  test('in fields never reach the log', () => {
    const lines = new LogLines();
    const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, lines);
    const headers = { authorization: 'sekrit', cookie: 'sekrit', 'set-cookie': 'sekrit', accept: 'kept' };
    logger.info({ password: 'sekrit', user: { password: 'sekrit', token: 'sekrit' } }, 'a');
    logger.info({ req: { headers }, headers, accessToken: 'sekrit', cookie: 'sekrit' }, 'b');
    const text = JSON.stringify(lines.lines);
    expect(lines.lines).toHaveLength(2);
    expect(text).toContain('kept');
    expect(text).not.toContain('sekrit');
  });

  test('in the query are blanked in the line', async () => {
    const { url, log } = await start();
    await fetch(`${url}/hello?token=sekrit&page=2`);
    const [line] = await log.waitFor(1);
    expect(line?.query).toBe('token=[redacted]&page=2');
  });
});

describe('whatever is thrown', () => {
  const gone = Proxy.revocable({}, {});
  gone.revoke();
  const thrown: [string, unknown][] = [
    ['a frozen error', Object.freeze(new Error('broken'))],
    ['an error with a frozen cause', new Error('broken', { cause: Object.freeze(new Error('inner')) })],
    [
      'an error that is its own cause',
      Object.defineProperty(new Error('broken'), 'cause', {
        get() {
          return this as unknown;
        },
      }),
    ],
    [
      'a message that throws',
      Object.defineProperty(new Error('broken'), 'message', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
    [
      'a status that throws',
      Object.defineProperty(new Error('broken'), 'status', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
    ['a stack that is no text', Object.assign(new Error('broken'), { stack: { lines: 1 } })],
    ['no prototype', Object.create(null)],
    ['a proxy that is gone', gone.proxy],
    ['a symbol', Symbol('broken')],
    [
      'a toString that throws',
      {
        toString: () => {
          throw new Error('no');
        },
      },
    ],
  ];

  test.each(thrown)('%s is a 500 with its line', async (_what, error) => {
    for (const env of ['production', 'development']) {
      const { url, log } = await start(
        env === 'development' ? { NODE_ENV: env, LOG_FORMAT: 'json' } : {},
        (app) =>
          app.get('/', () => {
            throw error;
          }),
      );
      for (const accept of ['application/json', 'text/html']) {
        expect((await fetch(url, { headers: { accept } })).status).toBe(500);
      }
      expect(await log.waitFor(2)).toEqual(
        [1, 2].map(() =>
          expect.objectContaining({ level: 'error', msg: 'request', status: 500, err: expect.anything() }),
        ),
      );
      await close?.();
    }
    close = undefined;
  });
});

test('headers that somebody adds to the line show no secret', async () => {
  const { url, log } = await start({}, (app) =>
    app.get('/', (req, res) => {
      req.log.info({ headers: req.headers, req, res }, 'all');
      res.log.warn(req, 'request alone');
      res.send('ok');
    }),
  );
  await fetch(url, { headers: { cookie: 'sekrit', Authorization: 'Bearer sekrit', 'x-kept': 'kept' } });
  const lines = await log.waitFor(3);
  const text = JSON.stringify(lines);
  expect(text).toContain('kept');
  expect(text).not.toContain('sekrit');
  expect(text.length).toBeLessThan(4000);
});

function* failing(): Generator<string> {
  yield 'a row';
  throw Object.assign(new Error('the disk is gone'), { password: 'sekrit' });
}
