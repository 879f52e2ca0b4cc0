import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import supertest from 'supertest';
import { projectPath } from '../../../src/platform/config/paths.ts';
import { compress, compressed, compressRoutes } from '../../../src/platform/http/middleware/compress.ts';
import { openEventStream } from '../../../src/platform/http/event-stream.ts';
import { HttpError } from '../../../src/platform/http/errors.ts';
import { route } from '../../../src/platform/http/route.ts';
import { staticFiles } from '../../../src/platform/http/middleware/static.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { cachedRoutes } from '../../support/cached-routes.ts';
import { serve } from '../../support/http.ts';
import { createTestApp } from '../../support/test-app.ts';
import type { Content } from '../../fixtures/whole-app/features.mjs';

const text = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: `company ${id}` })));

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(path: string, encoding: string, options: Asked = {}): Promise<IncomingMessage> {
  return askOf(addAll, path, encoding, options);
}

function addAll(app: Express): void {
  app.use(compress());
  app.get('/long', (_req, res) => {
    res.type('json').send(text);
  });
  app.get('/short', (_req, res) => {
    res.json({ ok: true });
  });
  app.get('/part', (_req, res) => {
    res
      .status(206)
      .set('Content-Range', `bytes 0-${text.length - 1}/${text.length * 2}`)
      .type('json')
      .send(text);
  });
  app.get('/image', (_req, res) => {
    res.type('png').send(Buffer.alloc(5000, 1));
  });
  app.get('/no-transform', (_req, res) => {
    res.set('Cache-Control', 'no-transform').type('json').send(text);
  });
  app.get('/encoded', (_req, res) => {
    res.set('Content-Encoding', 'gzip').type('json').send(gzipSync(text));
  });
  app.get('/origin', (_req, res) => {
    res.vary('Origin').json({ ok: true });
  });
  app.get('/stream', (_req, res) => {
    Readable.from(['a', 'b']).pipe(res.type('text'));
  });
  app.get('/by-hand', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain' }).end('a');
  });
  app.get('/tag', (_req, res) => {
    res.set('ETag', '"a"').json({ ok: true });
  });
  app.get('/image-tag', (_req, res) => {
    res.set('ETag', '"a"').type('png').send(Buffer.alloc(50));
  });
  app.get('/bare-304', (_req, res) => {
    res.status(304).end();
  });
  app.get('/empty', (_req, res) => {
    res.status(204).end();
  });
  app.use(staticFiles(projectPath('public')).handler);
  app.get('/events', (req, res) => {
    openEventStream(req, res, new Lifecycle()).send('tick', { now: 1 });
  });
}

async function askOf(add: (app: Express) => void, path: string, encoding: string, options: Asked = {}) {
  const served = await serve(add);
  closers.push(served.close);
  const sent = request({
    port: served.port,
    path,
    host: '127.0.0.1',
    ...options,
    headers: { 'accept-encoding': encoding, ...options.headers },
  }).end();
  return ((await once(sent, 'response')) as [IncomingMessage])[0];
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('compression', () => {
  test.each([
    ['br, gzip', 'br', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
    ['gzip;q=1, br;q=0', 'gzip', gunzipSync],
  ])('sends the same bytes for Accept-Encoding "%s" as %s', async (accept, encoding, decompress) => {
    const response = await ask('/long', accept);
    const bytes = await bytesOf(response);
    expect(response.headers).toMatchObject({ 'content-encoding': encoding, vary: 'Accept-Encoding' });
    expect(bytes.length).toBeLessThan(text.length / 2);
    expect(decompress(bytes).toString()).toBe(text);
  });

  test.each([
    ['what the client does not take', '/long', 'identity'],
    ['less than a kilobyte', '/short', 'gzip'],
    ['what is compressed already', '/image', 'gzip'],
    ['a part, whose range is of bytes that are not', '/part', 'gzip'],
  ])('does not change %s', async (_name, path, accept) => {
    const response = await ask(path, accept);
    await bytesOf(response);
    expect(response.headers['content-encoding']).toBeUndefined();
  });

  test.each([
    ['gzip', createGunzip],
    ['br', createBrotliDecompress],
  ] as const)('flushes each event of an event stream (%s)', async (encoding, decompressor) => {
    const response = await ask('/events', encoding);
    expect(response.headers).toMatchObject({ 'content-encoding': encoding, 'x-accel-buffering': 'no' });
    let received = '';
    for await (const chunk of response.pipe(decompressor())) {
      received += String(chunk);
      if (received.includes('tick')) break;
    }
    expect(received).toBe(':\n\nevent: tick\ndata: {"now":1}\n\n');
  });

  describe('sends Vary: Accept-Encoding', () => {
    const always = { 'if-modified-since': new Date(Date.now() + 86_400_000).toUTCString() };

    test.each([
      ['a long response', '/long', 200, {}],
      ['a short one', '/short', 200, {}],
      ['a stream', '/stream', 200, {}],
      ['headers that are written with the status', '/by-hand', 200, {}],
      ['what the handler has encoded itself', '/encoded', 200, {}],
      ['a part', '/part', 206, {}],
      ['the response to HEAD', '/long', 200, { method: 'HEAD' }],
      ['the response to HEAD of a short one', '/short', 200, { method: 'HEAD' }],
      ['an error', '/nothing', 404, {}],
      ['a 304', '/tag', 304, { headers: { 'if-none-match': '"a"' } }],
      ['a 304 to HEAD', '/tag', 304, { method: 'HEAD', headers: { 'if-none-match': '"a"' } }],
      ['a 304 whose type was never set', '/bare-304', 304, {}],
      ['a 304 whose type was removed', '/image-tag', 304, { headers: { 'if-none-match': '"a"' } }],
      ['a file', '/style.css', 200, {}],
      ['a small file', '/robots.txt', 200, {}],
      ['a part of a file', '/style.css', 206, { headers: { range: 'bytes=0-9' } }],
      ['a file that did not change', '/style.css', 304, { headers: always }],
      ['a small file that did not change', '/favicon.svg', 304, { headers: always }],
      [
        'a file that did not change, asked for with HEAD',
        '/style.css',
        304,
        { method: 'HEAD', headers: always },
      ],
      ['a file that has changed', '/style.css', 412, { headers: { 'if-match': '"other"' } }],
      ['a part of a file beyond its end', '/style.css', 416, { headers: { range: 'bytes=9999999-' } }],
    ])('on %s', async (_name, path, status, options) => {
      for (const encoding of ['br, gzip', 'identity']) {
        const response = await ask(path, encoding, options);
        response.resume();
        expect([response.statusCode, response.headers.vary]).toEqual([status, 'Accept-Encoding']);
      }
    });

    test('adds it to what else the response depends on', async () => {
      expect((await ask('/origin', 'gzip')).headers.vary).toBe('Origin, Accept-Encoding');
    });

    test.each([
      ['what is never compressed', '/image', 200, {}],
      ['what must not be changed on the way', '/no-transform', 200, {}],
      ['no content', '/empty', 204, {}],
    ])('not on %s', async (_name, path, status, options) => {
      const response = await ask(path, 'br, gzip', options);
      response.resume();
      expect([response.statusCode, response.headers.vary]).toEqual([status, undefined]);
    });
  });
});

describe('compression by route', () => {
  /** How often the compression package was put in front of a handler. */
  let wrapped: string[] = [];
  const note: RequestHandler = (req, res, next) => {
    if ('flush' in res) wrapped.push(req.path);
    next();
  };

  const addRoutes = (app: Express): void => {
    wrapped = [];
    const { cached } = cachedRoutes();
    app.use(compressRoutes());
    route(app, '/list', { get: (_req, res) => res.type('json').send(text) });
    route(app, '/cached', { get: [note, cached({ ttl: 60 }, () => JSON.parse(text) as unknown)] });
    route(app, '/fails', {
      get: cached({ ttl: 60 }, () => {
        throw new HttpError('NOT_FOUND', { detail: text });
      }),
    });
    app.get('/plain', note, (_req, res) => {
      res.type('json').send(text);
    });
    app.use(compressed);
    app.get('/rest', (_req, res) => {
      res.type('json').send(text);
    });
  };

  test.each([
    ['a route', '/list', 200, 'br'],
    ['a cached route, which the cache compresses', '/cached', 200, 'br'],
    ['the error of a cached route', '/fails', 404, 'br'],
    ['another method of a route', '/list', 405, undefined],
    ['what is mounted behind `compressed`', '/rest', 200, 'br'],
    ['a path that nothing has', '/nothing', 404, undefined],
  ])('sends the same bytes for %s', async (_what, path, status, encoding) => {
    const method = status === 405 ? 'DELETE' : 'GET';
    const response = await askOf(addRoutes, path, 'br', { method });
    const bytes = await bytesOf(response);
    expect([response.statusCode, response.headers.vary]).toEqual([status, 'Accept-Encoding']);
    expect(response.headers['content-encoding']).toBe(encoding);
    const body = encoding === undefined ? bytes : brotliDecompressSync(bytes);
    expect(body.toString()).toContain(status === 200 ? 'company 499' : `"status":${status}`);
  });

  test('leaves a cached response and a handler without `route` alone', async () => {
    await bytesOf(await askOf(addRoutes, '/cached', 'br'));
    expect(wrapped).toEqual([]);
    const response = await askOf(addRoutes, '/plain', 'br');
    expect((await bytesOf(response)).toString()).toBe(text);
    expect(wrapped).toEqual([]);
  });

  test('compresses once where it is mounted twice', async () => {
    const ends: unknown[] = [];
    const noteEnd: RequestHandler = (_req, res, next) => {
      ends.push(Reflect.get(res, 'end'));
      next();
    };
    const response = await askOf(
      (app) => {
        app.use(compressRoutes(), compressed, noteEnd, compressed, noteEnd);
        app.get('/', (_req, res) => res.type('json').send(text));
      },
      '/',
      'br',
    );
    expect(brotliDecompressSync(await bytesOf(response)).toString()).toBe(text);
    expect(ends).toHaveLength(2);
    expect(ends[1]).toBe(ends[0]);
  });

  test('is in the whole app: of routes, cached responses, files and errors', async () => {
    const made = await createTestApp(
      { NODE_ENV: 'development' },
      {
        features: ((router, { cached }) => {
          route(router, '/long', { get: (_req, res) => res.type('json').send(text) });
          route(router, '/cached', { get: cached({ ttl: 60 }, () => JSON.parse(text) as unknown) });
          route(router, '/fails', {
            get: () => {
              throw new HttpError('NOT_FOUND', { detail: text });
            },
          });
          return {};
        }) as Content['features'],
        jobs: () => [],
      },
    );
    closers.push(async () => {
      await made.close();
    });
    const encodingOf = async (path: string) =>
      (await supertest(made.app).get(path).set('Accept-Encoding', 'gzip')).headers[
        'content-encoding'
      ] as unknown;
    for (const path of ['/long', '/cached', '/style.css', '/fails'])
      expect([path, await encodingOf(path)]).toEqual([path, 'gzip']);
  });

  test('does nothing where compression is off', async () => {
    const response = await askOf(
      (app) => app.use(compressed).get('/', (_req, res) => res.send(text)),
      '/',
      'br',
    );
    expect((await bytesOf(response)).toString()).toBe(text);
    expect(response.headers['content-encoding']).toBeUndefined();
  });
});
