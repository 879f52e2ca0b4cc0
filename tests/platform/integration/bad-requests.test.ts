import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import * as v from 'valibot';
import { strictObject } from '../../../src/platform/config/schemas.ts';
import { jsonBody } from '../../../src/platform/http/middleware/body.ts';
import { route } from '../../../src/platform/http/route.ts';
import { wrap } from '../../../src/platform/http/wrap.ts';
import { TEST_SECRET } from '../../support/config.ts';
import { sendRaw, serve } from '../../support/http.ts';

const shape = strictObject({
  name: v.pipe(v.string(), v.maxLength(50)),
  tags: v.optional(v.array(v.string())),
});

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  served = await serve(
    (app: Express) => {
      route(app, '/things', {
        get: (_req, res) => {
          res.json([]);
        },
        post: [
          jsonBody({ limitKb: 100 }),
          wrap((req, res) => {
            res.status(201).json(v.parse(shape, req.body));
          }),
        ],
      });
      route(app, '/slow', {
        get: (_req, res) => {
          setTimeout(() => res.send('slow'), 50);
        },
      });
      route(app, '/echo', {
        get: (req, res) => {
          res.send(req.headers['x-last']);
        },
      });
      route(app, '/broken', {
        get: () => {
          throw new Error('the database says: secret detail');
        },
      });
    },
    {
      NODE_ENV: 'production',
      STORE: 'memory',
      SESSION_SECRETS: TEST_SECRET,
      HEADERS_TIMEOUT_SECONDS: '1',
    },
  );
});
afterAll(() => served.close());

const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`${served.url}/things`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });

/** The answer to a bad request, checked for what every one of them must be: a problem, with one line in the log. */
async function expectProblem(
  response: Response,
  status: number,
  code: string,
): Promise<Record<string, unknown>> {
  const body = (await response.json()) as Record<string, unknown>;
  const requestId = response.headers.get('x-request-id');
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect({ httpStatus: response.status, ...body }).toMatchObject({
    httpStatus: status,
    status,
    code,
    requestId,
  });
  expect(body.stack).toBeUndefined();
  const lines = (await served.log.waitFor(1)).filter(({ reqId }) => reqId === requestId);
  expect(lines).toEqual([expect.objectContaining({ level: status < 500 ? 'warn' : 'error', status, code })]);
  return body;
}

/** The lines from `first` on, up to that of a request that is sent now: a second line for one request would be there. */
async function linesBeforeTheNext(first: number): Promise<Record<string, unknown>[]> {
  const path = `/barrier-${randomUUID()}`;
  await fetch(served.url + path);
  await served.log.waitForLine((line) => line.path === path);
  return served.log.lines.slice(first).filter((line) => line.path !== path);
}

describe('rejects a bad body:', () => {
  test.each([
    ['broken JSON', '{"name":', 400, 'MALFORMED_JSON'],
    ['a bare word', 'name', 400, 'MALFORMED_JSON'],
    ['a bare string', '"name"', 400, 'MALFORMED_JSON'],
    ['an array where an object is meant', '[]', 400, 'VALIDATION_FAILED'],
    ['an array where a string is meant', '{"name":["a"]}', 400, 'VALIDATION_FAILED'],
    ['a number where a string is meant', '{"name":1}', 400, 'VALIDATION_FAILED'],
    ['an unknown field', '{"name":"a","admin":true}', 400, 'VALIDATION_FAILED'],
    ['__proto__', '{"name":"a","__proto__":{"admin":true}}', 400, 'VALIDATION_FAILED'],
    [
      'constructor.prototype',
      '{"name":"a","constructor":{"prototype":{"admin":true}}}',
      400,
      'VALIDATION_FAILED',
    ],
    ['arrays 50,000 deep', '['.repeat(50_000) + ']'.repeat(50_000), 400, 'VALIDATION_FAILED'],
    ['10 MB', `{"name":"${'x'.repeat(10_000_000)}"}`, 413, 'BODY_TOO_LARGE'],
  ])('%s', async (_name, body, status, code) => {
    await expectProblem(await post(body), status, code);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test('a gzip bomb, when it has grown to the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
    expect(bomb.length).toBeLessThan(100 * 1024);
    await expectProblem(await post(bomb, { 'content-encoding': 'gzip' }), 413, 'BODY_TOO_LARGE');
  });

  test('what is not gzip in spite of its header', async () => {
    await expectProblem(await post('{"name":"a"}', { 'content-encoding': 'gzip' }), 400, 'BAD_REQUEST');
  });

  test('an unknown content encoding', async () => {
    await expectProblem(await post('{}', { 'content-encoding': 'x-own' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'nonsense',
  ])('content type %s', async (type) => {
    await expectProblem(await post('name=a', { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test('an unknown charset', async () => {
    const type = 'application/json; charset=klingon';
    await expectProblem(await post('{}', { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test('and keeps the connection usable when it has not read all of it', async () => {
    const body = 'x'.repeat(1_000_000);
    const answer = await sendRaw(
      served.port,
      `POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`,
      body,
      'GET /things HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 415', 'HTTP/1.1 200']);
  });

  test('no body at all', async () => {
    await expectProblem(await fetch(`${served.url}/things`, { method: 'POST' }), 400, 'VALIDATION_FAILED');
  });

  test('and lists validation errors by field', async () => {
    const response = await post('{"name":1,"tags":["a",2]}');
    const { errors } = await expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(errors).toEqual([
      { field: 'name', message: 'must be a string' },
      { field: 'tags.1', message: 'must be a string' },
    ]);
  });
});

describe('the response to a bad URL or method:', () => {
  test.each([
    ['/nowhere', 404, 'NOT_FOUND'],
    ['/%zz', 400, 'MALFORMED_URL'],
    ['/things?q=%', 400, 'MALFORMED_URL'],
    ['/%ff', 400, 'MALFORMED_URL'],
    ['/%00', 404, 'NOT_FOUND'],
    [`/${'a/'.repeat(3000)}`, 404, 'NOT_FOUND'],
  ])('GET %s', async (path, status, code) => {
    await expectProblem(await fetch(served.url + path), status, code);
  });

  test('lists the right methods for a wrong one', async () => {
    const response = await fetch(`${served.url}/things`, { method: 'DELETE' });
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
    await expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
  });

  test('lists the methods for OPTIONS', async () => {
    const response = await fetch(`${served.url}/things`, { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS, POST']);
  });
});

describe('an error of the app', () => {
  test('shows a program nothing internal, and is complete in the log', async () => {
    const response = await fetch(`${served.url}/broken`);
    const body = await expectProblem(response, 500, 'INTERNAL');
    expect(JSON.stringify(body)).not.toMatch(/secret detail|\.ts|node_modules|broken\.test/);
    const line = served.log.lines.find(({ reqId }) => reqId === body.requestId);
    expect(line?.err).toMatchObject({
      message: 'the database says: secret detail',
      stack: expect.any(String),
    });
  });

  test('is a page without a stack for a browser, and escaped', async () => {
    const response = await fetch(`${served.url}/broken`, { headers: { accept: 'text/html,*/*;q=0.8' } });
    const page = await response.text();
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page).toContain('Internal server error');
    expect(page).toContain(response.headers.get('x-request-id'));
    expect(page).not.toMatch(/secret detail|\bat .*\.ts/);
  });
});

describe('rejects what is not HTTP, or hardly:', () => {
  const status = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['2,000 headers', `GET / HTTP/1.1\r\nHost: a\r\n${'x-h: 0123456789\r\n'.repeat(2000)}\r\n`, 431],
    ['one header of 100 KB', `GET / HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    ['no Host', 'GET /things HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    [
      'two lengths',
      'POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
    ],
    [
      'a length and chunks (smuggling)',
      'POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'a bad chunk',
      'POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
      400,
    ],
    ['two Hosts', 'GET /things HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400],
    ['a Host that is none', 'GET /things HTTP/1.1\r\nHost: u@a/b\r\nConnection: close\r\n\r\n', 400],
    ['a Host with two ports', 'GET /things HTTP/1.1\r\nHost: a:80:b\r\nConnection: close\r\n\r\n', 400],
    ['half an IPv6 Host', 'GET /things HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n', 400],
    [
      'a body too large, of which little has come',
      'POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\nConnection: close\r\n\r\n{',
      413,
    ],
    ['a bare line feed in a header', 'GET / HTTP/1.1\r\nHost: a\r\nx: a\nb: c\r\n\r\n', 400],
    ['a target no URL parser takes', 'GET http://[ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400],
    ['the same behind a slash', 'GET //a@[/# HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ])('%s', async (_name, bytes, expected) => {
    const before = served.log.lines.length;
    const answer = await sendRaw(served.port, bytes);
    expect(status(answer)).toBe(expected);
    expect(answer).toContain('application/problem+json');
    await served.log.waitFor(before + 1);
    expect(await linesBeforeTheNext(before)).toEqual([
      expect.objectContaining({ level: 'warn', status: expected }),
    ]);
  });

  test('bytes behind a complete request, which gets its response', async () => {
    const before = served.log.lines.length;
    const answer = await sendRaw(served.port, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n\0nonsense\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toMatch(/Connection: close\r\n/);
    expect(answer).toMatch(/\r\n\r\nslow$/);
    await served.log.waitFor(before + 1);
    expect(await linesBeforeTheNext(before)).toEqual([expect.objectContaining({ status: 200 })]);
  });

  test('a CONNECT behind a complete request, which gets its response', async () => {
    const answer = await sendRaw(
      served.port,
      'GET /slow HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nslow$/);
  });

  test('a CONNECT whose client resets the connection, or leaves, without harm', async () => {
    const before = served.log.lines.length;
    for (let client = 0; client < 40; client++) {
      const socket = connect(served.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
      if (client % 2) socket.resetAndDestroy();
      else socket.destroy();
    }
    // A reset may overtake the request.
    await served.log.waitFor(before + 20);
    expect((await fetch(`${served.url}/things`)).status).toBe(200);
  });

  test('a CONNECT, without waiting for a client that stays', async () => {
    const accepted = once(served.server, 'connection') as Promise<[Socket]>;
    const socket = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined).write('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const [ours] = await accepted;
    await once(socket.resume(), 'end');
    expect(ours.destroyed).toBe(false);
    await once(ours, 'close');
    socket.destroy();
  });

  test('but reads the last of 3,000 small headers like the first', async () => {
    const small = Array.from({ length: 3000 }, (_, index) => `${index}:\r\n`)
      .join('')
      .slice(0, 15_000);
    const [headers = ''] = /^(?:.+\r\n)+/.exec(small) ?? [];
    const answer = await sendRaw(
      served.port,
      `GET /echo HTTP/1.1\r\nHost: a\r\n${headers}X-Last: here\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/\r\n\r\nhere$/);
  });

  test('a client that never ends its headers, with 408', async () => {
    const answer = await sendRaw(served.port, 'GET / HTTP/1.1\r\nHost: a\r\nx: ');
    expect(status(answer)).toBe(408);
    expect(answer).toContain('REQUEST_TIMEOUT');
  });

  test('and still responds after all this', async () => {
    expect((await fetch(`${served.url}/things`)).status).toBe(200);
  });
});
