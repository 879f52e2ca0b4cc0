import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { openEventStream } from '../../../src/platform/http/event-stream.ts';
import { ClientLeft, wrap, type Handler } from '../../../src/platform/http/wrap.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { serveEachTest } from '../../support/http.ts';

const start = serveEachTest();

describe('the deadline of a handler', () => {
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
  ])(
    'returns 503 with Retry-After, and logs it, for %s that does not read the signal',
    async (_name, handler) => {
      const { url, log } = await start((app) => app.get('/', wrap(handler)), QUICK);
      const response = await fetch(url);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await response.json()).toMatchObject({ code: 'DEADLINE_EXCEEDED', status: 503 });
      expect(await log.waitFor(1)).toEqual([
        expect.objectContaining({ level: 'error', status: 503, code: 'DEADLINE_EXCEEDED' }),
      ]);
    },
  );

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

  test('does not cut a response that has begun and stalls: the idle timeout of its connection does', async () => {
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

  test('makes a late write harmless', async () => {
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

  test('can be set for a route, or disabled', async () => {
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

  test.each([0, -1, NaN, 2 ** 31])('is rejected when the route is created with %p ms', (timeoutMs) => {
    expect(() => wrap(() => undefined, { timeoutMs })).toThrow(RangeError);
  });
});
