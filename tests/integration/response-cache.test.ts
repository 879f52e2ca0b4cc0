import { get as httpGet } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import { compress } from '../../src/http/compress.ts';
import { currentRequestId } from '../../src/http/context.ts';
import { HttpError } from '../../src/http/errors.ts';
import { wrap } from '../../src/http/wrap.ts';
import { ask, cachedRoutes } from '../support/cached-routes.ts';
import { heldLoad, until } from '../support/caches.ts';
import { clock } from '../support/clock.ts';
import { serve } from '../support/http.ts';

beforeEach(() => {
  clock.stop();
});

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  clock.restore();
  await close?.();
  close = undefined;
});

async function start(add: (app: Express) => void, env: Record<string, string> = {}) {
  const served = await serve(add, env);
  close = served.close;
  return served;
}

/** Answers 1, 2, 3 … */
function counting(): RequestHandler {
  let count = 0;
  return (_req, res) => {
    res.json(++count);
  };
}

const minute = { ttl: 60, stale: 60 };

describe('an answer', () => {
  test('is made once, and says whether it came from the cache', async () => {
    const { cached, metrics } = cachedRoutes();
    const { url } = await start((app) => app.get('/', cached({ ttl: 0.15, stale: 60 }, counting())));
    const miss = await ask(url);
    expect(miss.headers).toMatchObject({ 'x-cache': 'MISS', 'content-type': /json/ });
    expect(miss.headers.age).toBeUndefined();
    const hit = await ask(url);
    expect(hit.headers).toMatchObject({ 'x-cache': 'HIT', age: '0' });
    expect([String(miss.body), String(hit.body)]).toEqual(['1', '1']);
    clock.advance(160);
    expect((await ask(url)).headers['x-cache']).toBe('STALE');
    await until(async () => (await ask(url)).headers['x-cache'] === 'HIT');
    expect(String((await ask(url)).body)).toBe('2');
    const counted = (await metrics.registry.getMetricsAsJSON()).flatMap(({ values }) => values as object[]);
    expect(counted).toContainEqual(expect.objectContaining({ labels: { state: 'stale' }, value: 1 }));
  });

  test('tells its age, and for how long caches may use it', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => {
      app.get('/', cached({ ttl: 60, stale: 300, maxAge: 5 }, counting()));
      app.get('/brief', cached({ ttl: 60 }, counting()));
      app.get(
        '/own',
        cached(minute, (_req, res) => {
          res.set('Cache-Control', 'public, max-age=7').json(1);
        }),
      );
    });
    expect((await ask(url)).headers['cache-control']).toBe(
      'public, max-age=5, s-maxage=60, stale-while-revalidate=300, stale-if-error=300',
    );
    expect((await ask(`${url}/brief`)).headers['cache-control']).toBe('public, max-age=0, s-maxage=60');
    expect((await ask(`${url}/own`)).headers['cache-control']).toBe('public, max-age=7');
    clock.advance(1100);
    expect((await ask(url)).headers.age).toBe('1');
  });

  test('is 304 for whom has it already, on a miss as on a hit', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => app.get('/', cached(minute, counting())));
    const { etag = '' } = (await ask(url)).headers;
    expect(etag).toMatch(/^W\/"[\w-]{27}"$/);
    for (const tags of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
      const answer = await ask(url, { headers: { 'If-None-Match': tags } });
      expect([answer.status, answer.body.length]).toEqual([304, 0]);
      expect(answer.headers).toMatchObject({ etag, 'x-cache': 'HIT', 'cache-control': /s-maxage/ });
      expect(answer.headers['content-type']).toBeUndefined();
    }
    expect((await ask(url, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
    const first = await ask(`${url}/?other`, { headers: { 'If-None-Match': '*' } });
    expect([first.status, first.headers['x-cache']]).toEqual([304, 'MISS']);
    expect((await ask(`${url}/?other`)).status).toBe(200);
  });

  test('keeps the ETag and the Last-Modified its handler gave it', async () => {
    const { cached } = cachedRoutes();
    const modified = 'Tue, 01 Sep 2026 10:00:00 GMT';
    const handler: RequestHandler = (_req, res) => {
      res.set({ ETag: '"v1"', 'Last-Modified': modified }).send('body');
    };
    const { url } = await start((app) => app.get('/', cached(minute, handler)));
    expect((await ask(url, { headers: { 'If-None-Match': '"v1"' } })).status).toBe(304);
    expect((await ask(url, { headers: { 'If-Modified-Since': modified } })).status).toBe(304);
    expect((await ask(url)).headers).toMatchObject({ etag: '"v1"', 'last-modified': modified });
  });

  test('to HEAD has the headers of GET and no body, whichever came first', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => app.get('/', cached(minute, counting())));
    const head = await ask(url, { method: 'HEAD' });
    expect(head.headers).toMatchObject({ 'x-cache': 'MISS', 'content-length': '1' });
    const got = await ask(url);
    expect([got.headers['x-cache'], String(got.body)]).toEqual(['HIT', '1']);
    expect((await ask(url, { method: 'HEAD' })).headers.etag).toBe(got.headers.etag);
  });

  test('to a request for a range is the whole', async () => {
    const { cached } = cachedRoutes();
    const handler: RequestHandler = (_req, res) => {
      res.set('Accept-Ranges', 'bytes').send('0123456789');
    };
    const { url } = await start((app) => app.get('/', cached(minute, handler)));
    const answer = await ask(url, { headers: { Range: 'bytes=0-1' } });
    expect([answer.status, String(answer.body)]).toEqual([200, '0123456789']);
    expect(answer.headers['accept-ranges']).toBeUndefined();
  });

  test('is not made anew because a client says no-cache', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => app.get('/', cached(minute, counting())));
    await ask(url);
    const headers = { 'Cache-Control': 'no-cache, max-age=0', Pragma: 'no-cache' };
    expect((await ask(url, { headers })).headers['x-cache']).toBe('HIT');
  });
});

describe('compressed variants', () => {
  const text = 'The same line, again and again.\n'.repeat(200);

  test.each<[string, string | undefined, (body: Buffer) => Buffer]>([
    ['br', 'br', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
    ['gzip, deflate, br', 'br', brotliDecompressSync],
    ['', undefined, (body) => body],
    ['br;q=0', undefined, (body) => body],
  ])('to %p the answer comes as %p, and unpacks to the same bytes', async (accepted, encoding, unpack) => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) =>
      app.use(compress()).get(
        '/',
        cached(minute, (_req, res) => {
          res.type('text').send(text);
        }),
      ),
    );
    for (const state of ['MISS', 'HIT']) {
      const answer = await ask(url, { headers: { 'Accept-Encoding': accepted } });
      expect(answer.headers['content-encoding']).toBe(encoding);
      expect(answer.headers).toMatchObject({ 'x-cache': state, vary: 'Accept-Encoding' });
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
      expect(String(unpack(answer.body))).toBe(text);
    }
  });

  test.each<[string, boolean, RequestHandler]>([
    ['a small answer', true, (_req, res) => void res.send('small')],
    ['what does not compress', true, (_req, res) => void res.type('png').send(Buffer.alloc(5000))],
    ['no-transform', true, (_req, res) => void res.set('Cache-Control', 'no-transform').send(text)],
    ['compression switched off', false, (_req, res) => void res.send(text)],
  ])('are not made of %s', async (_name, compression, handler) => {
    const { cached } = cachedRoutes({ compression });
    const { url } = await start((app) => app.get('/', cached(minute, handler)));
    const answer = await ask(url, { headers: { 'Accept-Encoding': 'br, gzip' } });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.headers.vary).toBeUndefined();
  });
});

describe('a request of one person', () => {
  test.each([
    ['Authorization', { Authorization: 'Bearer x' }],
    ['the session cookie', { Cookie: 'a=b; sid=s%3Ax' }],
    ['the session cookie of HTTPS', { Cookie: '__Host-sid=x' }],
  ])('with %s goes past the cache, and its answer is stored nowhere', async (_name, headers) => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => app.get('/', cached(minute, counting())));
    for (const expected of ['1', '2']) {
      const answer = await ask(url, { headers });
      expect(answer.headers).toMatchObject({ 'x-cache': 'BYPASS', 'cache-control': 'private, no-store' });
      expect(String(answer.body)).toBe(expected);
    }
    expect(String((await ask(url)).body)).toBe('3');
    expect(String((await ask(url, { headers })).body)).toBe('4');
  });

  test('is not one because of other cookies, and the handler sees none of them', async () => {
    const { cached } = cachedRoutes();
    const handler: RequestHandler = (req, res) => {
      res.json({
        cookie: req.headers.cookie ?? 'none',
        session: typeof (req as { session?: object }).session,
      });
    };
    const { url } = await start((app) => app.get('/', cached(minute, handler)));
    await ask(url, { headers: { Cookie: 'theme=dark; besid=1' } });
    const hit = await ask(url);
    expect(hit.headers['x-cache']).toBe('HIT');
    expect(JSON.parse(String(hit.body))).toEqual({ cookie: 'none', session: 'undefined' });
  });
});

describe('an answer that is not for all', () => {
  test.each<[string, RequestHandler]>([
    ['Set-Cookie', (_req, res) => void res.cookie('a', 'b').send('x')],
    ['private', (_req, res) => void res.set('Cache-Control', 'private').send('x')],
    ['no-store', (_req, res) => void res.set('Cache-Control', 'no-store').send('x')],
    ['a Vary that is not in the key', (_req, res) => void res.vary('Cookie').send('x')],
    ['Vary: *', (_req, res) => void res.vary('*').send('x')],
    ['more than 1 MiB', (_req, res) => void res.send(Buffer.alloc(1024 * 1024 + 1))],
    [
      'a stream of more than 1 MiB',
      wrap((_req, res) => {
        res.type('text');
        return Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(50_000)));
      }),
    ],
  ])('(%s) is made for each', async (_name, handler) => {
    const { cached } = cachedRoutes();
    let runs = 0;
    const { url } = await start((app) =>
      app.get(
        '/',
        cached(minute, (req, res, next) => {
          runs++;
          return handler(req, res, next);
        }),
      ),
    );
    const before = await ask(url);
    const sizes = [before.body.length, (await ask(url)).body.length, (await ask(url)).body.length];
    expect(new Set(sizes).size).toBe(1);
    expect(before.headers['x-cache']).toBe('MISS');
    // The first run was to find out.
    expect(runs).toBe(4);
  });

  test('is not queued for', async () => {
    const { cached } = cachedRoutes();
    const gate = heldLoad(undefined);
    const { url } = await start((app) =>
      app.get(
        '/',
        cached(minute, async (_req, res) => {
          res.cookie('a', 'b');
          if (gate.count > 0) await gate.load();
          res.send('x');
        }),
      ),
    );
    await ask(url);
    gate.count = 1;
    const asked = Array.from({ length: 10 }, () => ask(url));
    await until(() => gate.count === 11);
    gate.finish();
    expect((await Promise.all(asked)).map(({ body }) => String(body))).toEqual(Array(10).fill('x'));
  });

  test('(left to the next handler) is made by the next handler', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => {
      app.get(
        '/',
        cached(minute, (_req, _res, next) => {
          next();
        }),
      );
      app.get('/', (_req, res) => void res.send('next'));
    });
    expect(String((await ask(url)).body)).toBe('next');
  });

  test('(not 200) goes to those who wait, and is forgotten', async () => {
    const { cached } = cachedRoutes();
    let runs = 0;
    const handler: RequestHandler = async (_req, res) => {
      runs++;
      await sleep(20);
      res.status(404).json({ error: 'no such thing' });
    };
    const { url } = await start((app) => app.get('/', cached(minute, handler)));
    const answers = await Promise.all([ask(url), ask(url), ask(url)]);
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(answers[0].headers['cache-control']).toBeUndefined();
    expect(runs).toBe(1);
    await ask(url);
    expect(runs).toBe(2);
  });
});

describe('a handler that fails', () => {
  test('reaches the error handler of everyone who waits', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) =>
      app.get(
        '/',
        cached(
          minute,
          wrap(async () => {
            await sleep(20);
            throw new HttpError('CONFLICT');
          }),
        ),
      ),
    );
    const answers = await Promise.all([ask(url), ask(url)]);
    for (const answer of answers) {
      expect(answer.status).toBe(409);
      expect(JSON.parse(String(answer.body))).toMatchObject({ code: 'CONFLICT' });
      expect(answer.headers['x-cache']).toBeUndefined();
    }
  });

  test.each<[string, RequestHandler]>([
    [
      'a throw',
      () => {
        throw new Error('away');
      },
    ],
    ['a rejection', () => Promise.reject(new Error('away'))],
    [
      'next(error)',
      (_req, _res, next) => {
        next(new Error('away'));
      },
    ],
    ['an answer of 503', (_req, res) => void res.status(503).send('away')],
    ['a stream that breaks', wrap(() => Readable.from(breaking()))],
    ['a response it destroys', (_req, res) => void res.destroy()],
  ])('by %s leaves the stale answer in use', async (_name, failing) => {
    const { cached } = cachedRoutes();
    let failed = 0;
    let handler: RequestHandler = (_req, res) => void res.send('fine');
    const { url } = await start((app) =>
      app.get(
        '/',
        cached({ ttl: 0.02, stale: 60 }, (req, res, next) => handler(req, res, next)),
      ),
    );
    await ask(url);
    handler = (req, res, next) => {
      failed++;
      return failing(req, res, next);
    };
    clock.advance(30);
    for (let i = 0; i < 4; i++) {
      const answer = await ask(url);
      expect([answer.status, answer.headers['x-cache'], String(answer.body)]).toEqual([200, 'STALE', 'fine']);
    }
    expect(failed).toBe(1);
  });

  test('with "not found" ends the stale answer', async () => {
    const { cached } = cachedRoutes();
    let gone = false;
    const handler = wrap((_req, res) => {
      if (gone) throw new HttpError('NOT_FOUND');
      res.send('here');
    });
    const { url } = await start((app) => app.get('/', cached({ ttl: 0.02, stale: 60 }, handler)));
    await ask(url);
    gone = true;
    clock.advance(30);
    expect((await ask(url)).status).toBe(200);
    await until(async () => (await ask(url)).status === 404);
  });

  test('by its deadline is a 503 for who waits', async () => {
    const { cached } = cachedRoutes();
    const handler = wrap(async (_req, _res, { signal }) => {
      await sleep(10_000, undefined, { signal });
    });
    const { url } = await start((app) => app.get('/', cached(minute, handler)), {
      REQUEST_TIMEOUT_SECONDS: '0.05',
    });
    const answer = await ask(url);
    expect([answer.status, JSON.parse(String(answer.body))]).toMatchObject([
      503,
      { code: 'DEADLINE_EXCEEDED' },
    ]);
  });
});

async function* breaking() {
  yield 'half of it';
  await sleep(1);
  throw new Error('away');
}

describe('what a handler sees and does', () => {
  test('stays the same: params, query, log, the current request, streams and sendFile', async () => {
    const { cached } = cachedRoutes();
    const seen: unknown[] = [];
    const { url } = await start((app) => {
      app.get(
        '/things/:id',
        cached(minute, async (req, res) => {
          await sleep(1);
          req.log.info('from the handler');
          seen.push(req.params.id, req.query.q, req.path, currentRequestId() === req.id, res.req === req);
          seen.push(req.host, req.method, req.protocol, req.originalUrl, req.get('host') === req.host);
          res.writeHead(200, { 'X-Own': 'yes' });
          res.write('in ');
          res.end('parts');
        }),
      );
      app.get(
        '/file',
        cached(minute, (_req, res) => {
          res.sendFile(new URL(import.meta.url).pathname);
        }),
      );
      app.get(
        '/no-file',
        cached(minute, (_req, res) => {
          res.sendFile('/there/is/no/such/file');
        }),
      );
      app.get(
        '/stream',
        cached(
          minute,
          wrap(() => Readable.from(['a', 'b'])),
        ),
      );
    });
    for (const state of ['MISS', 'HIT']) {
      const answer = await ask(`${url}/things/7?q=x`);
      expect(answer.headers).toMatchObject({ 'x-own': 'yes', 'x-cache': state });
      expect(String(answer.body)).toBe('in parts');
    }
    const host = new URL(url).host;
    const whole = '/things/7?q=x';
    expect(seen).toEqual(['7', 'x', '/things/7', true, true, host, 'GET', 'http', whole, true]);
    expect((await ask(`${url}/no-file`)).status).toBe(404);
    const file = await ask(`${url}/file`);
    expect(String(file.body)).toContain('sendFile');
    expect((await ask(`${url}/file`)).headers).toMatchObject({ 'x-cache': 'HIT', etag: file.headers.etag });
    for (const state of ['MISS', 'HIT']) {
      const answer = await ask(`${url}/stream`);
      expect([answer.headers['x-cache'], String(answer.body)]).toEqual([state, 'ab']);
    }
  });

  test('goes on for the others when the client that started it leaves', async () => {
    const { cached } = cachedRoutes();
    const gate = heldLoad('value');
    let aborted = false;
    const { url } = await start((app) =>
      app.get(
        '/',
        cached(
          minute,
          wrap(async (_req, res, { signal }) => {
            signal.addEventListener('abort', () => (aborted = true));
            res.send(await gate.load());
          }),
        ),
      ),
    );
    const first = httpGet(url).on('error', () => undefined);
    await until(() => gate.count === 1);
    const second = ask(url);
    await sleep(20);
    first.destroy();
    await sleep(20);
    gate.finish();
    expect(String((await second).body)).toBe('value');
    expect([gate.count, aborted]).toEqual([1, false]);
    expect((await ask(url)).headers['x-cache']).toBe('HIT');
  });

  test('headers that outer middleware sets belong to each answer, not to the stored one', async () => {
    const { cached } = cachedRoutes();
    let count = 0;
    const { url } = await start((app) => {
      app.use((_req, res, next) => {
        res.set({ 'X-Each': String(++count), Vary: 'Origin' });
        next();
      });
      app.get('/', cached({ ...minute, vary: ['Accept-Language'] }, counting()));
    });
    expect((await ask(url)).headers).toMatchObject({ 'x-each': '1', vary: 'Origin, Accept-Language' });
    expect((await ask(url)).headers).toMatchObject({ 'x-each': '2', vary: 'Origin, Accept-Language' });
  });
});

describe('the key', () => {
  /** The handler tells all it could know of who asks. */
  const telling: RequestHandler = (req, res) => {
    res.json([req.headers, req.host, req.hostname, req.protocol, req.query, req.originalUrl, req.rawHeaders]);
  };

  test('need not have in it who asks: what middleware found out about the client is hidden from the handler', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => {
      app.use((req, res, next) => {
        Object.assign(req, { user: req.get('x-api-key'), session: { user: 'ada' } });
        res.locals.user = req.get('x-api-key');
        next();
      });
      app.get(
        '/',
        cached(minute, async (req, res) => {
          const { user, session, ip, ips, socket } = req as typeof req & { user?: string };
          // Its body is nobody's: it is empty, and ends.
          const body = await text(req);
          res.json([user, session, res.locals, ip, ips, socket, body, Object.keys(req).includes('user')]);
        }),
      );
    });
    const answer = await ask(url, { headers: { 'X-API-Key': 'of ada' } });
    expect(JSON.parse(String(answer.body))).toEqual([null, null, {}, null, [], null, '', false]);
    const other = await ask(url, { headers: { 'X-API-Key': 'of grace' } });
    expect([other.headers['x-cache'], String(other.body)]).toEqual(['HIT', String(answer.body)]);
  });

  test("has in it all that a handler sees, so that nobody can put anything into another one's answer", async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => app.get('/', cached(minute, telling)), { TRUST_PROXY: '1' });
    const plain = await ask(url);
    const others = [
      { Host: 'evil.example' },
      { 'X-Forwarded-Host': 'evil.example' },
      { 'X-Forwarded-Host': new URL(url).host, Host: 'evil.example' },
      { 'X-Forwarded-Proto': 'https' },
    ];
    for (const headers of others) {
      const answer = await ask(url, { headers });
      expect(answer.headers['x-cache']).toBe('MISS');
      expect(answer.body.equals(plain.body)).toBe(false);
    }
    const unseen = [
      { 'X-Forwarded-For': '6.6.6.6', 'X-Original-URL': '/evil', 'User-Agent': 'evil' },
      { 'Accept-Language': 'evil', Referer: 'evil', 'If-None-Match': 'evil', Range: 'bytes=0-1' },
    ];
    for (const headers of unseen) {
      const answer = await ask(url, { headers });
      expect(answer.headers['x-cache']).toBe('HIT');
      expect(answer.body.equals(plain.body)).toBe(true);
    }
    expect((await ask(url)).body.equals(plain.body)).toBe(true);
    expect(String(plain.body)).not.toContain('evil');
  });

  test('does not depend on the order of parameters, but on their values and on the order of equal names', async () => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) => app.get('/*path', cached(minute, counting())));
    const bodyOf = async (path: string) => String((await ask(url + path)).body);
    expect(await bodyOf('/a?x=1&y=2')).toBe('1');
    expect(await bodyOf('/a?y=2&x=1')).toBe('1');
    const others = ['/a?x=2&y=1', '/a?x=1&x=2', '/a?x=2&x=1', '/a?x=1&%78=2', '/a?%78=2&x=1', '/a', '/A?x=1'];
    const seen = await Promise.all(others.map(bodyOf));
    expect(new Set(seen).size).toBe(others.length);
  });

  test('has the headers in it that the route names', async () => {
    const { cached } = cachedRoutes();
    const handler: RequestHandler = (req, res) => {
      res.vary('Accept-Language').send(req.acceptsLanguages('de', 'en') || 'none');
    };
    const { url } = await start((app) =>
      app.get('/', cached({ ...minute, vary: ['Accept-Language'] }, handler)),
    );
    for (const state of ['MISS', 'HIT']) {
      for (const language of ['de', 'en']) {
        const answer = await ask(url, { headers: { 'Accept-Language': language } });
        expect(answer.headers).toMatchObject({ 'x-cache': state, vary: 'Accept-Language' });
        expect(String(answer.body)).toBe(language);
      }
    }
  });

  test.each([
    '/%00',
    '/%0a',
    '/?%0aGET',
    '/?q=%F0%9F%92%A9',
    `/?q=${'x'.repeat(8000)}`,
    '/?&&&==&',
    '/?__proto__=1',
  ])('%p is a key like any other', async (path) => {
    const { cached } = cachedRoutes();
    const { url } = await start((app) =>
      app.get('/*path', cached(minute, counting())).get('/', cached(minute, counting())),
    );
    expect((await ask(url + path)).headers['x-cache']).toBe('MISS');
    expect((await ask(url + path)).headers['x-cache']).toBe('HIT');
  });
});

test('a lifetime that makes no sense is refused when the route is added', () => {
  expect(() => cachedRoutes().cached({ ttl: 0 }, counting())).toThrow(RangeError);
});

test('other methods go to the handler', async () => {
  const { cached } = cachedRoutes();
  const { url } = await start((app) => app.all('/', cached(minute, counting())));
  for (const expected of ['1', '2']) {
    const answer = await ask(url, { method: 'POST' });
    expect([answer.headers['x-cache'], String(answer.body)]).toEqual([undefined, expected]);
  }
});

test('tags may come from the request, and a purge reaches the answers', async () => {
  const { cached, cache } = cachedRoutes();
  const handler = counting();
  const { url } = await start((app) =>
    app.get('/:id', cached({ ...minute, tags: (req) => [`thing:${String(req.params.id)}`] }, handler)),
  );
  const bodies = async () => [String((await ask(`${url}/1`)).body), String((await ask(`${url}/2`)).body)];
  expect(await bodies()).toEqual(['1', '2']);
  await cache.purgeTag('thing:1');
  expect(await bodies()).toEqual(['3', '2']);
});
