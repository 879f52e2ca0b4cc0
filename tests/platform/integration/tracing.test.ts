import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { currentLog } from '../../../src/platform/http/index.ts';
import { wrap, type HandlerContext } from '../../../src/platform/http/wrap.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { tracing } from '../../../src/platform/tracing/index.ts';
import { testConfig } from '../../support/config.ts';
import { serveEachTest } from '../../support/http.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const GIVEN = `00-${TRACE}-${PARENT}-01`;

const NEW_TRACE = expect.stringMatching(/^(?!0+$)[0-9a-f]{32}$/);
const NEW_SPAN = expect.stringMatching(/^(?!0+$)[0-9a-f]{16}$/);

const serve = serveEachTest();

/** An app that shows the trace of each request. */
const serveTrace = (env: Record<string, string> = { TRUST_PROXY: 'loopback' }) =>
  serve((app) => {
    app.get('/', (req, res) => {
      res.json(req.trace);
    });
  }, env);

describe('the trace of a request', () => {
  const traceWith = async (headers: Record<string, string>, env?: Record<string, string>) => {
    const { url } = await serveTrace(env);
    const response = await fetch(url, { headers });
    return (await response.json()) as { traceId: string; spanId: string; headers: Record<string, string> };
  };

  test('is new without a traceparent, with ids of its own, and not sampled', async () => {
    const first = await traceWith({});
    const second = await traceWith({});
    expect(first).toEqual({
      traceId: NEW_TRACE,
      spanId: NEW_SPAN,
      headers: { traceparent: `00-${first.traceId}-${first.spanId}-00` },
    });
    expect(second.traceId).not.toBe(first.traceId);
    expect(second.spanId).not.toBe(first.spanId);
  });

  test('continues the one of a trusted proxy, in a span of its own', async () => {
    const trace = await traceWith({ traceparent: GIVEN, tracestate: 'vendor=1,other=2' });
    expect(trace.traceId).toBe(TRACE);
    expect(trace.spanId).toEqual(NEW_SPAN);
    expect(trace.spanId).not.toBe(PARENT);
    expect(trace.headers).toEqual({
      traceparent: `00-${TRACE}-${trace.spanId}-01`,
      tracestate: 'vendor=1,other=2',
    });
  });

  test('ignores the headers of a client that is no trusted proxy', async () => {
    const trace = await traceWith({ traceparent: GIVEN, tracestate: 'vendor=1' }, { TRUST_PROXY: 'off' });
    expect(trace.traceId).not.toBe(TRACE);
    expect(Object.keys(trace.headers)).toEqual(['traceparent']);
  });

  test.each([
    ['no traceparent', 'hello'],
    ['upper case', GIVEN.toUpperCase()],
    ['version ff', `ff${GIVEN.slice(2)}`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['more behind version 00', `${GIVEN}-more`],
    ['two of them', `${GIVEN}, ${GIVEN}`],
    ['short flags', `00-${TRACE}-${PARENT}-1`],
    ['a line of 10 KB', `${GIVEN}-${'a'.repeat(10_000)}`],
  ])('is new where the traceparent is wrong: %s', async (_what, traceparent) => {
    const trace = await traceWith({ traceparent, tracestate: 'vendor=1' });
    expect(trace).toMatchObject({ traceId: NEW_TRACE, spanId: NEW_SPAN });
    expect(trace.traceId).not.toBe(TRACE);
    expect(Object.keys(trace.headers)).toEqual(['traceparent']);
  });

  test('continues one of a later version, as version 00 and with the sampled flag alone', async () => {
    const trace = await traceWith({ traceparent: `cc-${TRACE}-${PARENT}-ff-what-comes-later` });
    expect(trace.headers.traceparent).toBe(`00-${TRACE}-${trace.spanId}-01`);
  });

  test('drops a tracestate that is too long', async () => {
    const trace = await traceWith({ traceparent: GIVEN, tracestate: `vendor=${'x'.repeat(600)}` });
    expect(Object.keys(trace.headers)).toEqual(['traceparent']);
  });

  test('is never repeated in 10,000 requests of one process', () => {
    const seen = new Set<string>();
    const middleware = tracing();
    const logger = createLogger(testConfig({ LOG_LEVEL: 'silent' }));
    for (let count = 0; count < 10_000; count++) {
      const req = { headers: {}, log: logger.child({}) } as unknown as Parameters<typeof middleware>[0];
      middleware(req, {} as never, () => undefined);
      seen.add(req.trace?.traceId ?? '').add(req.trace?.spanId ?? '');
    }
    expect(seen.size).toBe(20_000);
  });
});

test("is in the request's own line, in req.log's and in currentLog's", async () => {
  const { url, log } = await serve(
    (app) => {
      const fallback = createLogger(testConfig({ LOG_LEVEL: 'silent' }));
      app.get('/', async (req, res) => {
        req.log.info('in the handler');
        await new Promise(setImmediate);
        currentLog(fallback).info('deep below it');
        res.json(req.trace);
      });
    },
    { TRUST_PROXY: 'loopback' },
  );
  const response = await fetch(url, { headers: { traceparent: GIVEN } });
  const { spanId } = (await response.json()) as { spanId: string };
  const lines = await log.waitFor(3);
  expect(lines.map(({ msg, traceId, spanId: span }) => [msg, traceId, span])).toEqual(
    ['in the handler', 'deep below it', 'request'].map((msg) => [msg, TRACE, spanId]),
  );
});

test("is in all lines of a request where it is mounted behind the access log, too, but in no other request's", async () => {
  const { url, log } = await serve((app) => {
    app.get('/', tracing(), (req, res) => {
      req.log.info('in the handler');
      res.json(req.trace);
    });
  });
  const responses = [await fetch(url), await fetch(url)];
  const traces = (await Promise.all(responses.map((response) => response.json()))) as { traceId: string }[];
  const lines = await log.waitFor(4);
  const ids = traces.map(({ traceId }) => traceId);
  expect(lines.map(({ traceId }) => traceId)).toEqual([ids[0], ids[0], ids[1], ids[1]]);
});

test('has the ids of the span that another tracer is in, and leaves it to that to pass them on', async () => {
  const activeSpan = () => ({ traceId: TRACE, spanId: PARENT, traceFlags: 1 });
  const { url, log } = await serve((app) => {
    app.get('/', tracing({ activeSpan }), (req, res) => {
      res.json(req.trace);
    });
  });
  const response = await fetch(url);
  expect(await response.json()).toEqual({ traceId: TRACE, spanId: PARENT, headers: {} });
  await log.waitForLine((line) => line.traceId === TRACE && line.spanId === PARENT);
});

describe("a handler's fetch", () => {
  let other: Server;
  let otherUrl: string;
  const seen: { headers: IncomingHttpHeaders; method: string; body: string }[] = [];
  const closed: string[] = [];

  beforeEach(async () => {
    seen.length = closed.length = 0;
    other = createServer((req, res) => {
      res.on('close', () => closed.push(req.url ?? ''));
      void req.toArray().then((chunks) => {
        seen.push({
          headers: req.headers,
          method: req.method ?? '',
          body: Buffer.concat(chunks as Buffer[]).toString(),
        });
        if (req.url !== '/never') res.end('hello');
      });
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    other.closeAllConnections();
    other.close();
    await once(other, 'close');
  });

  const serveWith = (handler: (context: HandlerContext) => unknown, env: Record<string, string> = {}) =>
    serve(
      (app) => {
        app.get(
          '/',
          wrap((_req, _res, context) => handler(context)),
        );
      },
      { TRUST_PROXY: 'loopback', ...env },
    );

  test('passes the trace on, and what it was given itself', async () => {
    const { url } = await serveWith(({ fetch }) =>
      fetch(otherUrl, { method: 'POST', body: 'a body', headers: { 'X-Own': 'yes', traceparent: 'wrong' } }),
    );
    const response = await fetch(url, { headers: { traceparent: GIVEN, tracestate: 'vendor=1' } });
    expect(await response.text()).toBe('hello');
    expect(seen).toEqual([expect.objectContaining({ method: 'POST', body: 'a body' })]);
    expect(seen[0]?.headers).toMatchObject({
      'x-own': 'yes',
      traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-(?!${PARENT})[0-9a-f]{16}-01$`)),
      tracestate: 'vendor=1',
    });
  });

  test('takes a Request, with its headers and its body', async () => {
    const { url } = await serveWith(({ fetch }) =>
      fetch(new Request(otherUrl, { method: 'PUT', body: 'other', headers: { 'X-Own': 'yes' } })),
    );
    expect(await (await fetch(url)).text()).toBe('hello');
    expect(seen).toEqual([expect.objectContaining({ method: 'PUT', body: 'other' })]);
    expect(seen[0]?.headers).toMatchObject({
      'x-own': 'yes',
      traceparent: expect.stringMatching(/^00-.*-00$/),
    });
  });

  test("ends at the request's deadline", async () => {
    const { url } = await serveWith(({ fetch }) => fetch(`${otherUrl}/never`), {
      REQUEST_TIMEOUT_SECONDS: '0.2',
    });
    const response = await fetch(url);
    expect([response.status, await response.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }),
    ]);
    while (closed.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(closed).toEqual(['/never']);
  });

  test('ends when the client leaves, and at a signal of its own', async () => {
    const failures: unknown[] = [];
    const own = new AbortController();
    const { url } = await serveWith(async ({ fetch }) => {
      await fetch(`${otherUrl}/never`, { signal: own.signal }).catch((error: unknown) =>
        failures.push(error),
      );
      throw failures[0];
    });
    const client = new AbortController();
    const left = fetch(url, { signal: client.signal });
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    client.abort();
    await expect(left).rejects.toThrow('aborted');
    while (failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const stays = fetch(url);
    while (seen.length === 1) await new Promise((resolve) => setTimeout(resolve, 10));
    own.abort(new Error('enough'));
    expect((await stays).status).toBe(500);
    expect(failures).toEqual([
      expect.objectContaining({ name: 'AbortError' }),
      expect.objectContaining({ message: 'enough' }),
    ]);
  });
});
