import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Express, RequestHandler, Response as ExpressResponse } from 'express';
import { compress } from '../../src/http/compress.ts';
import { HttpError } from '../../src/http/errors.ts';
import { openEventStream } from '../../src/http/event-stream.ts';
import { route } from '../../src/http/route.ts';
import { sendStream } from '../../src/http/stream.ts';

import { until } from '../support/caches.ts';
import { ClientLeft, wrap, type Handler } from '../../src/http/wrap.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { serve } from '../support/http.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

async function start(add: (app: Express) => void, env: Record<string, string> = {}) {
  const served = await serve(add, env);
  close = served.close;
  return served;
}

describe('whatever goes wrong in a handler reaches the error handler', () => {
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
    'a guard that fails with %p is a 500 and lets nobody past:',
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
        const paths = value === 'route' || value === 'router' ? ['/'] : ['/', '/in-route'];
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

describe('the deadline', () => {
  const QUICK = { REQUEST_TIMEOUT_SECONDS: '0.1' };

  test.each<[string, Handler]>([
    [
      'an async handler',
      async (_req, res) => (await sleep(2000), res.destroyed || res.headersSent || res.send('late')),
    ],
    ['a handler that never calls back', () => undefined],
    ['a promise that never resolves', () => new Promise(() => undefined)],
    ['a stream without a first byte', () => new PassThrough()],
    ['a promised stream without a first byte', () => Promise.resolve(new PassThrough())],
    ['a web stream without a first byte', () => new ReadableStream()],
    ['a handler that returns what is not sent', () => Promise.resolve({ done: true })],
  ])('holds for %s that does not ask for the signal: 503, Retry-After, logged', async (_name, handler) => {
    const { url, log } = await start((app) => app.get('/', wrap(handler)), QUICK);
    const response = await fetch(url);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await response.json()).toMatchObject({ code: 'DEADLINE_EXCEEDED', status: 503 });
    expect(await log.waitFor(1)).toEqual([
      expect.objectContaining({ level: 'error', status: 503, code: 'DEADLINE_EXCEEDED' }),
    ]);
  });

  test('destroys the stream that did not begin in time', async () => {
    const source = new PassThrough();
    const { url } = await start(
      (app) =>
        app.get(
          '/',
          wrap(() => source),
        ),
      QUICK,
    );
    const closed = once(source, 'close');
    expect((await fetch(url)).status).toBe(503);
    await closed;
  });

  test.each<[string, Handler]>([
    [
      'a stream',
      () =>
        Readable.from(
          (async function* () {
            for (const part of ['a', 'b', 'c']) {
              yield part;
              await sleep(80);
            }
          })(),
        ),
    ],
    [
      'an event stream',
      (req, res) => {
        const { send } = openEventStream(req, res, new Lifecycle());
        setTimeout(() => {
          send('late', 'abc');
          res.end();
        }, 250);
      },
    ],
  ])('does not cut %s that has begun', async (_name, handler) => {
    const { url } = await start((app) => app.get('/', wrap(handler)), QUICK);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect((await response.text()).replace(/^:\n\nevent: late\ndata: /, '')).toMatch(/^"?abc"?\n*$/);
  });

  test('leaves a response that has begun and stalls to the limit of silence, which cuts it', async () => {
    let told: (reason: unknown) => void = () => undefined;
    const reason = new Promise((resolve) => (told = resolve));
    const { url } = await start(
      (app) =>
        app.get(
          '/',
          wrap((_req, res, { signal }) => {
            res.write('a');
            signal.addEventListener('abort', () => {
              told(signal.reason);
            });
          }),
        ),
      { RECEIVE_TIMEOUT_SECONDS: '1', REQUEST_TIMEOUT_SECONDS: '0.1' },
    );
    await expect((await fetch(url)).text()).rejects.toThrow('terminated');
    expect(await reason).toBeInstanceOf(ClientLeft);
  });

  test('leaves a late write without harm', async () => {
    const errors: unknown[] = [];
    const { url } = await start(
      (app) =>
        app.get(
          '/',
          wrap((_req, res, { signal }) => {
            signal.addEventListener('abort', () => {
              res.write('too late', (error) => errors.push(error));
            });
          }),
        ),
      QUICK,
    );
    expect((await fetch(url)).status).toBe(503);
    expect((await fetch(url)).status).toBe(503);
    expect(errors).toHaveLength(2);
  });

  test('can be set for a route, or switched off', async () => {
    const later: Handler = async (_req, res) => {
      await sleep(200);
      if (!res.headersSent) res.send('in time');
    };
    const { url } = await start((app) => {
      app.get('/short', wrap(later, { timeoutMs: 50 }));
      app.get('/long', wrap(later, { timeoutMs: 5000 }));
      app.get('/none', wrap(later, { timeoutMs: Infinity }));
    }, QUICK);
    const statuses = await Promise.all(
      ['/short', '/long', '/none'].map(async (path) => (await fetch(url + path)).status),
    );
    expect(statuses).toEqual([503, 200, 200]);
  });

  test.each([0, -1, NaN, 2 ** 31])('of %p ms is refused when the route is made', (timeoutMs) => {
    expect(() => wrap(() => undefined, { timeoutMs })).toThrow(RangeError);
  });
});

describe('the signal', () => {
  test('is not made for a handler that does not ask for it', async () => {
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
    await close?.();
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

  test('fires when the client leaves, with a reason that says so', async () => {
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

  test('has fired where the client left before the handler asked for it', async () => {
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

  test('fires at the deadline, and the client is told with a 503 even by a handler that does not heed it', async () => {
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

  test('does not cut an answer that has begun in time', async () => {
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

describe('a streamed answer', () => {
  test('arrives whole', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap((_req, res) =>
          sendStream(res, Readable.from(Array.from({ length: 1000 }, () => 'x'.repeat(1000)))),
        ),
      ),
    );
    expect((await (await fetch(url)).text()).length).toBe(1_000_000);
  });

  test('of no bytes is an empty 200', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => Readable.from([])),
      ),
    );
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('that fails before its first byte leaves none of its headers in the error answer', async () => {
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

  test('that fails after its first byte destroys the connection', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => Readable.from(failing(3))),
      ),
    );
    const response = await fetch(url);
    await expect(response.text()).rejects.toThrow('terminated');
  });

  test('whose client leaves has its source destroyed, and is no error', async () => {
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

  test('whose client left before there was a stream has its source destroyed', async () => {
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

  test('that is destroyed without an error is not taken for whole', async () => {
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

  test('adds few listeners to the response: Node warns from eleven on', async () => {
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

  test('to a HEAD has headers and no body, and its source is destroyed, be it endless', async () => {
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

describe('what a handler returns is sent:', () => {
  /** A stream like those of the readable-stream package, which are not of Node's class. */
  const foreign = (parts: string[]) => ({
    read: () => null,
    pipe: () => undefined,
    [Symbol.asyncIterator]: () => Readable.from(parts)[Symbol.asyncIterator](),
  });
  const web = (parts: (string | Uint8Array)[]) =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    });

  test.each<[string, () => unknown]>([
    ['a web stream', () => web([Buffer.from('he'), Buffer.from('llo')])],
    ['a web stream of text', () => web(['he', '', 'llo'])],
    ['a promised web stream', () => Promise.resolve(web(['hello']))],
    ['a web stream of another package', () => ({ getReader: () => web(['hello']).getReader() })],
    ['an async generator', () => generate(['he', 'llo'])],
    ['a stream of another package', () => foreign(['he', 'llo'])],
    ['a Response', () => new Response('hello')],
    ['a promised Response', () => Promise.resolve(new Response('hello'))],
    ['a Response with a stream', () => new Response(web([Buffer.from('hello')]))],
    ['a Blob', () => new Blob(['he', 'llo'])],
  ])('%s', async (_name, handler) => {
    const { url } = await start((app) => app.use(compress()).get('/', wrap(handler)));
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, 'hello']);
  });

  test('a Response, with its status and headers', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap((_req, res) => {
          res.vary('Origin').cookie('first', '1');
          const headers = new Headers({ 'Content-Type': 'text/csv', Vary: 'Accept', 'X-Own': 'yes' });
          headers.append('Set-Cookie', 'a=1');
          headers.append('Set-Cookie', 'b=2');
          headers.append('Connection', 'close');
          headers.append('Transfer-Encoding', 'gzip');
          return new Response('a,b', { status: 418, headers });
        }),
      ),
    );
    const response = await fetch(url);
    expect(response.status).toBe(418);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/csv',
      vary: 'Origin, Accept',
      'x-own': 'yes',
      connection: 'keep-alive',
    });
    expect(response.headers.getSetCookie()).toEqual(['first=1; Path=/', 'a=1', 'b=2']);
    expect(await response.text()).toBe('a,b');
  });

  test.each([
    ['without a body', () => new Response(null, { status: 204 }), 204],
    ['that redirects', () => Response.redirect('https://example.com/', 302), 302],
    ['of JSON', () => Response.json({ a: 1 }, { status: 201 }), 201],
  ])('a Response %s', async (_name, handler, status) => {
    const { url } = await start((app) => app.get('/', wrap(handler)));
    expect((await fetch(url, { redirect: 'manual' })).status).toBe(status);
  });

  test('a Response from fetch, as fetch has decompressed it', async () => {
    const upstream = createServer((_req, res) => {
      res.setHeader('Content-Encoding', 'gzip').end(gzipSync('hello'));
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const { port } = upstream.address() as AddressInfo;
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => fetch(`http://127.0.0.1:${port}`)),
      ),
    );
    const response = await fetch(url);
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(await response.text()).toBe('hello');
    upstream.close();
    upstream.closeAllConnections();
  });

  test('a web stream is cancelled when the client leaves, also while it has nothing to say', async () => {
    const cancelled = new Promise<void>((resolve) => {
      const silent = new ReadableStream({
        start: (controller) => {
          controller.enqueue(Buffer.from('x'));
        },
        cancel: () => {
          resolve();
        },
      });
      void start((app) =>
        app.get(
          '/',
          wrap(() => silent),
        ),
      ).then(async ({ port }) => {
        const request = get({ port, host: '127.0.0.1' }).on('error', () => undefined);
        const [response] = (await once(request, 'response')) as [Readable];
        response.on('error', () => undefined);
        request.destroy();
      });
    });
    await expect(cancelled).resolves.toBeUndefined();
  });

  test('to a HEAD without a body', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => new Response('hello', { status: 203 })),
      ),
    );
    const response = await fetch(url, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([203, '']);
  });

  test('what res.json returned is not sent a second time, nor anything else that is none of these', async () => {
    const results: Handler[] = [
      (_req, res) => res.json('sent'),
      async (_req, res) => Promise.resolve(res.json('sent')),
      (_req, res) => setTimeout(() => res.json('sent'), 1),
      (_req, res) => [res.json('sent')],
      (_req, res) => new Map([[res.json('sent'), 1]]),
    ];
    const { url } = await start((app) => {
      for (const [index, handler] of results.entries()) app.get(`/${index}`, wrap(handler));
    });
    for (const index of results.keys()) expect(await (await fetch(`${url}/${index}`)).json()).toBe('sent');
  });
});

describe('what can not be sent is an error, and does no other harm:', () => {
  const used = async () => {
    const response = new Response('x');
    await response.text();
    return response;
  };
  const locked = () => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream;
  };
  test.each<[string, () => unknown]>([
    ['a Response that was read', used],
    ['a Response that is an error', () => Response.error()],
    ['a web stream that somebody else reads', locked],
    ['a web stream of objects', () => Readable.toWeb(Readable.from([{ a: 1 }]))],
    [
      'a web stream that fails',
      () =>
        new ReadableStream({
          pull: (c) => {
            c.error(new Error('no'));
          },
        }),
    ],
    ['a stream of objects', () => Readable.from([{ a: 1 }])],
    ['a stream of numbers', () => Readable.from([1, 2])],
    ['an async generator of objects', () => generate([{ a: 1 }])],
    ['an async generator that throws undefined', () => generate([], { fails: true })],
  ])('%s', async (_name, handler) => {
    const { url, log } = await start((app) => app.get('/', wrap(handler)));
    const response = await fetch(url);
    expect([response.status, await response.json()]).toEqual([
      500,
      expect.objectContaining({ code: 'INTERNAL' }),
    ]);
    expect(await log.waitFor(1)).toEqual([expect.objectContaining({ level: 'error', status: 500 })]);
  });

  test('an object in the middle of a stream cuts the connection', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => Readable.from(['x', { a: 1 }])),
      ),
    );
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow(/terminated|failed/);
  });
});

async function* generate(parts: unknown[], { fails = false } = {}): AsyncGenerator {
  await sleep(1);
  yield* parts;
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- that is what is tested
  if (fails) throw undefined;
}

function* endless(): Generator<string> {
  for (;;) yield 'x'.repeat(1000);
}

/** Yields so many chunks, then fails. */
function* failing(chunks: number): Generator<string> {
  for (let chunk = 0; chunk < chunks; chunk++) yield 'x'.repeat(100);
  throw new HttpError('CONFLICT');
}
