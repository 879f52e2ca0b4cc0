import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { compress } from '../../../src/platform/http/middleware/compress.ts';
import { wrap, type Handler } from '../../../src/platform/http/wrap.ts';
import { serveEachTest } from '../../support/http.ts';

const start = serveEachTest();

describe('wrap sends what a handler returns:', () => {
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

  test('does not send the request, which `req.on` returns', async () => {
    const { url } = await start((app) =>
      app.post(
        '/',
        wrap((req, res) => req.on('end', () => setImmediate(() => res.json('own'))).resume()),
      ),
    );
    const response = await fetch(url, { method: 'POST', body: 'echo' });
    expect(await response.text()).toBe('"own"');
  });

  test('sends a Response with its status and headers', async () => {
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
  ])('sends a Response %s', async (_name, handler, status) => {
    const { url } = await start((app) => app.get('/', wrap(handler)));
    expect((await fetch(url, { redirect: 'manual' })).status).toBe(status);
  });

  test('sends a Response from fetch as fetch has decompressed it', async () => {
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

  test('cancels a web stream when the client leaves, also while the stream is silent', async () => {
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

  test('sends no body in response to HEAD', async () => {
    const { url } = await start((app) =>
      app.get(
        '/',
        wrap(() => new Response('hello', { status: 203 })),
      ),
    );
    const response = await fetch(url, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([203, '']);
  });

  test('sends neither what res.json returned a second time, nor anything else that is none of these', async () => {
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

describe('wrap returns 500 for what cannot be sent:', () => {
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

  test('cuts the connection at an object in the middle of a stream', async () => {
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
