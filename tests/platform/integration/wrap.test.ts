import { once } from 'node:events';
import { get } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { RequestHandler, Response as ExpressResponse } from 'express';
import { compress } from '../../../src/platform/http/middleware/compress.ts';
import { HttpError } from '../../../src/platform/http/errors.ts';
import { route } from '../../../src/platform/http/route.ts';
import { ClientLeft, wrap } from '../../../src/platform/http/wrap.ts';
import { until } from '../../support/until.ts';
import { serveEachTest } from '../../support/http.ts';

const start = serveEachTest();

describe('wrap passes whatever goes wrong in a handler to the error handler:', () => {
  test.each<[string, () => unknown]>([
    [
      'a synchronous throw',
      () => {
        throw new HttpError('CONFLICT');
      },
    ],
    ['a rejection', () => Promise.reject(new HttpError('CONFLICT'))],
    ['a returned stream that fails before its first byte', () => Readable.from(failing(0))],
    ['a promised stream that fails before its first byte', () => Promise.resolve(Readable.from(failing(0)))],
  ])('%s', async (_name, handler) => {
    const { url } = await start((app) => app.get('/', wrap(handler)));
    const response = await fetch(url);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'CONFLICT' });
  });

  /* eslint-disable @typescript-eslint/only-throw-error, @typescript-eslint/prefer-promise-reject-errors -- that is what is tested */
  describe.each([undefined, null, 0, -0, NaN, 0n, '', false, 'route', 'router', 'a string', 1, {}])(
    'returns 500 and lets nobody past a guard that fails with %p:',
    (value) => {
      test.each<[string, () => unknown]>([
        [
          'it throws',
          () => {
            throw value;
          },
        ],
        ['it rejects', () => Promise.reject(value)],
        ['it rejects later', () => sleep(1).then(() => Promise.reject(value))],
        [
          'a promise of another library rejects',
          () => ({
            then: (_: unknown, no: (e: unknown) => void) => {
              no(value);
            },
          }),
        ],
      ])('%s', async (_name, guard) => {
        const secret = (_req: unknown, res: ExpressResponse) => res.send('secret');
        const { url, log } = await start((app) => {
          app.get('/', wrap(guard), secret);
          route(app, '/in-route', { get: [guard as RequestHandler, secret] });
          app.get('/{*path}', secret);
        });
        const paths = ['/', '/in-route'];
        for (const path of paths) {
          const response = await fetch(url + path);
          expect([path, response.status, (await response.text()).includes('secret')]).toEqual([
            path,
            500,
            false,
          ]);
        }
        const lines = await log.waitFor(paths.length);
        expect(lines).toEqual(
          paths.map((path) => expect.objectContaining({ level: 'error', path, err: expect.any(Object) })),
        );
      });
    },
  );
  /* eslint-enable */
});

describe('the signal of a handler', () => {
  test('is not created for a handler that does not read it', async () => {
    let listeners = -1;
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap((_req, res) => {
          listeners = res.listenerCount('close');
          res.end();
        }),
      ),
    );
    await fetch(url);
    const before = listeners;
    const other = await start((app) =>
      app.get(
        '/',
        wrap((_req, res, { signal }) => {
          listeners = res.listenerCount('close');
          res.end(String(signal.aborted));
        }),
      ),
    );
    expect(await (await fetch(other.url)).text()).toBe('false');
    expect(listeners).toBe(before + 1);
  });

  test('fires when the client leaves, with that as its reason', async () => {
    const reasons: unknown[] = [];
    let begun = false;
    const { port, log } = await start((app) =>
      app.get(
        '/',
        wrap(async (_req, _res, { signal }) => {
          begun = true;
          await once(signal, 'abort');
          reasons.push(signal.reason);
          signal.throwIfAborted();
        }),
      ),
    );
    const request = get({ port, host: '127.0.0.1' });
    request.on('error', () => undefined);
    await until(() => begun);
    request.destroy();
    const [line] = await log.waitFor(1);
    expect(reasons).toEqual([expect.any(ClientLeft)]);
    expect(line).toMatchObject({ level: 'warn', aborted: true });
    expect(log.lines).toHaveLength(1);
  });

  test('has fired when the client left before the handler reads it', async () => {
    const reasons: unknown[] = [];
    let begun = false;
    const { port } = await start((app) =>
      app.get(
        '/',
        wrap(async (_req, res, context) => {
          begun = true;
          await once(res, 'close');
          reasons.push(context.signal.reason);
        }),
      ),
    );
    const request = get({ port, host: '127.0.0.1' });
    request.on('error', () => undefined);
    await until(() => begun);
    request.destroy();
    await until(() => reasons.length > 0);
    expect(reasons).toEqual([expect.any(ClientLeft)]);
  });

  test('fires at the deadline, when the client gets a 503 even if the handler ignores it', async () => {
    let aborted = false;
    const { url, log } = await start(
      (app) =>
        app.get(
          '/',
          wrap(async (_req, res, { signal }) => {
            await sleep(300);
            aborted = signal.aborted;
            res.json('too late');
          }),
        ),
      { REQUEST_TIMEOUT_SECONDS: '0.1' },
    );
    const response = await fetch(url);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await sleep(400);
    expect(aborted).toBe(true);
    expect(log.lines).toHaveLength(1);
  });

  test('does not cut a response that has begun in time', async () => {
    const { url } = await start(
      (app) =>
        app.get(
          '/',
          wrap(async (_req, res, { signal }) => {
            res.write('a');
            await sleep(250);
            res.end(String(signal.aborted));
          }),
        ),
      { REQUEST_TIMEOUT_SECONDS: '0.1' },
    );
    expect(await (await fetch(url)).text()).toBe('afalse');
  });
});

describe('a streamed response', () => {
  test('arrives complete', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => Readable.from(Array.from({ length: 1000 }, () => 'x'.repeat(1000)))),
      ),
    );
    expect((await (await fetch(url)).text()).length).toBe(1_000_000);
  });

  test('is an empty 200 when it has no bytes', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => Readable.from([])),
      ),
    );
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('leaves none of its headers in the error response when it fails before its first byte', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap((_req, res) => {
          res.set({
            'Content-Type': 'text/csv',
            'Content-Length': '999',
            ETag: '"x"',
            'Cache-Control': 'public',
          });
          return Readable.from(failing(0));
        }),
      ),
    );
    const response = await fetch(url);
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await response.json()).toMatchObject({ code: 'CONFLICT' });
  });

  test('destroys the connection when it fails after its first byte', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => Readable.from(failing(3))),
      ),
    );
    const response = await fetch(url);
    await expect(response.text()).rejects.toThrow('terminated');
  });

  test('destroys its source without an error when the client leaves', async () => {
    const source = new PassThrough();
    source.write('x');
    const { port, log } = await start((app) =>
      app.get(
        '/',
        wrap(() => source),
      ),
    );
    const request = get({ port, host: '127.0.0.1' });
    const [response] = (await once(request, 'response')) as [Readable];
    response.on('error', () => undefined);
    request.destroy();
    await once(source, 'close');
    expect(await log.waitFor(1)).toEqual([
      expect.objectContaining({ level: 'warn', aborted: true, ip: '127.0.0.1' }),
    ]);
  });

  test('destroys its source when the client left before there was a stream', async () => {
    const source = Readable.from(['x'.repeat(100)]);
    let begun = false;
    const { port } = await start((app) =>
      app.get(
        '/',
        wrap(async (_req, res) => {
          begun = true;
          await once(res, 'close');
          return source;
        }),
      ),
    );
    const request = get({ port, host: '127.0.0.1' });
    request.on('error', () => undefined);
    await until(() => begun);
    request.destroy();
    await until(() => source.destroyed);
    expect(source.destroyed).toBe(true);
  });

  test('is not taken for complete when its source is destroyed without an error', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => {
          const source = new PassThrough();
          source.write('x');
          setTimeout(() => source.destroy(), 50);
          return source;
        }),
      ),
    );
    await expect((await fetch(url)).text()).rejects.toThrow('terminated');
  });

  test('adds fewer listeners to the response than Node warns about', async () => {
    let listeners = 0;
    const { url } = await start((app) =>
      app.use(compress()).get(
        '/',
        wrap((_req, res) => {
          const source = Readable.from(Array.from({ length: 100 }, () => 'x'.repeat(1000)));
          source.once('end', () => (listeners = res.listenerCount('close')));
          return source;
        }),
      ),
    );
    expect((await (await fetch(url)).text()).length).toBe(100_000);
    expect(listeners).toBeLessThan(8);
  });

  test('has headers and no body for a HEAD, and destroys even an endless source', async () => {
    const source = Readable.from(endless());
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => source),
      ),
    );
    const response = await fetch(url, { method: 'HEAD' });
    expect([response.status, await response.text(), source.destroyed]).toEqual([200, '', true]);
  });
});

function* endless(): Generator<string> {
  for (;;) yield 'x'.repeat(1000);
}

/** Yields so many chunks, then fails. */
function* failing(chunks: number): Generator<string> {
  for (let chunk = 0; chunk < chunks; chunk++) yield 'x'.repeat(100);
  throw new HttpError('CONFLICT');
}
