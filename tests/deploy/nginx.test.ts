import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { staticFiles } from '../../src/platform/http/middleware/static.ts';
import { ask } from '../support/deploy/ask.ts';
import { Load } from '../support/deploy/load.ts';
import { DOMAIN, Nginx } from '../support/deploy/nginx.ts';
import { startStub, type Stub } from '../support/deploy/stub-app.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';

const NAMES = ['my logo.svg', 'größe.css', '100%.txt', 'a#b.txt', 'a?b.txt', '.well-known/security.txt'];

const HIDDEN = [
  '.env.txt',
  '.git/config.txt',
  '.well-known/.env.txt',
  '.well-known/.git/config.txt',
  '.well-known-too/key.txt',
  'icons/.well-known/key.txt',
];

describeWith(['nginx', 'brotli', 'openssl'], 'deploy/nginx', () => {
  let stub: Stub;
  let nginx: Nginx;

  beforeAll(async () => {
    stub = await startStub();
    nginx = await Nginx.prepare({ hosts: [stub.port] });
    await nginx.hashAssets();
    await nginx.start();
  });
  afterAll(async () => {
    await nginx.stop();
    await stub.close();
  });

  test('passes nginx -t without a word of warning, also where the brotli modules are missing', async () => {
    const others = await Nginx.prepare({
      hosts: [stub.port],
      changes: [['nginx.conf', 'include /etc/nginx/modules-enabled/*.conf;', '']],
    });
    rmSync(others.folder.join('nginx/app/brotli.conf'));
    for (const one of [nginx, others]) {
      expect(await one.check()).toEqual([
        expect.stringContaining('syntax is ok'),
        expect.stringContaining('test is successful'),
        '',
      ]);
    }
    await others.stop();
  });

  describe('TLS', () => {
    test('plain HTTP is sent to HTTPS with 308, which keeps a POST a POST', async () => {
      const reply = await ask({
        url: `http://127.0.0.1:${nginx.httpPort}/a?b=c`,
        host: DOMAIN,
        method: 'POST',
      });
      expect([reply.status, reply.headers.location]).toEqual([308, `https://${DOMAIN}/a?b=c`]);
    });

    test.each([
      ['TLSv1.3', true],
      ['TLSv1.2', true],
      ['TLSv1.1', false],
    ] as const)('%s: %s', async (version, accepted) => {
      const socket = connectTls({
        port: nginx.httpsPort,
        host: '127.0.0.1',
        servername: DOMAIN,
        ca: nginx.ca,
        minVersion: version,
        maxVersion: version,
        // OpenSSL 3 offers TLS 1.1 at this level only.
        ...(!accepted && { ciphers: 'DEFAULT@SECLEVEL=0' }),
      });
      const outcome = await once(socket, 'secureConnect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      expect(outcome).toBe(accepted);
    });

    test('speaks HTTP/2', async () => {
      const session = http2.connect(`https://${DOMAIN}`, {
        createConnection: () =>
          connectTls({
            port: nginx.httpsPort,
            host: '127.0.0.1',
            servername: DOMAIN,
            ca: nginx.ca,
            ALPNProtocols: ['h2'],
          }),
      });
      const stream = session.request({ ':path': '/request', cookie: 'a=b' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      session.close();
      expect(headers[':status']).toBe(200);
      expect(JSON.parse(text)).toMatchObject({ secure: true, host: DOMAIN, ip: '127.0.0.1' });
    });

    test('a name that is not ours gets no answer, neither with TLS nor without', async () => {
      const host = 'elsewhere.test';
      await expect(ask({ url: nginx.url, host, ca: nginx.ca })).rejects.toThrow(/unrecognized name/);
      await expect(ask({ url: `http://127.0.0.1:${nginx.httpPort}/`, host })).rejects.toThrow(
        /socket hang up|ECONNRESET/,
      );
    });
  });

  describe('what the app is told', () => {
    const told = async (headers: Record<string, string | readonly string[]>, from = '127.0.0.1') => {
      const { text } = await nginx.ask('/request', { headers, from });
      return JSON.parse(text) as { ip: string; headers: Record<string, string> };
    };

    test('is the address of the connection, whatever X-Forwarded-For says', async () => {
      for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'X-Client-IP']) {
        const { ip, headers } = await told({ [name]: '203.0.113.7' }, '127.0.0.9');
        expect(ip).toBe('127.0.0.9');
        expect(headers['x-forwarded-for']).toBe('127.0.0.9');
        expect(headers.forwarded).toBeUndefined();
      }
      expect((await told({ 'X-Forwarded-For': ['203.0.113.7', '203.0.113.8'] }, '127.0.0.9')).ip).toBe(
        '127.0.0.9',
      );
    });

    test('is https and the host, whatever the client says', async () => {
      const { headers } = await told({ 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': 'evil.test' });
      expect(headers).toMatchObject({
        'x-forwarded-proto': 'https',
        'x-forwarded-host': DOMAIN,
        host: DOMAIN,
      });
    });

    test('is the id that both logs and the answer have', async () => {
      const reply = await nginx.ask('/request', { headers: { 'X-Request-Id': 'order-66_from-the-shop' } });
      expect(reply.headers['x-request-id']).toBe('order-66_from-the-shop');
      expect(JSON.parse(reply.text)).toMatchObject({ headers: { 'x-request-id': 'order-66_from-the-shop' } });
      await until('both have logged it', () => {
        const line = nginx.log.find(({ request }) => request === 'order-66_from-the-shop');
        return line?.path === '/request' && stub.log.lines.some(({ reqId }) => reqId === line.request);
      });
    });

    test.each([
      ['short', 'a'],
      ['long', 'a'.repeat(65)],
      ['has other characters', 'abcdefgh"}{'],
    ])('is a new id where the one that is sent %s', async (_what, id) => {
      const reply = await nginx.ask('/request', { headers: { 'X-Request-Id': id } });
      expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    });

    test('is one id where two are sent', async () => {
      const reply = await nginx.ask('/request', { headers: { 'X-Request-Id': ['abcdefgh', 'ijklmnop'] } });
      expect(reply.headers['x-request-id']).toMatch(/^(abcdefgh|[0-9a-f]{32})$/);
      expect(JSON.parse(reply.text)).toMatchObject({
        headers: { 'x-request-id': reply.headers['x-request-id'] },
      });
    });

    test('leaves no query in the log, which may hold secrets', async () => {
      await nginx.ask('/request?token=secret-in-the-query', { headers: { 'X-Request-Id': 'with-a-query' } });
      await until('it is logged', () => nginx.log.some(({ request }) => request === 'with-a-query'));
      expect(JSON.stringify(nginx.log)).not.toContain('secret-in-the-query');
    });
  });

  describe('compression', () => {
    test.each([
      ['br, gzip', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['', undefined, (body: Buffer) => body],
    ])('of an answer for "Accept-Encoding: %s" is %s', async (accepted, encoding, decode) => {
      const { headers, body } = await nginx.ask('/api/items', {
        headers: { 'Accept-Encoding': accepted },
      });
      expect(headers['content-encoding']).toBe(encoding);
      expect(headers.vary).toContain('Accept-Encoding');
      expect(decode(body).toString()).toContain('the same words again and again');
    });

    test('leaves a small answer as it is', async () => {
      const { headers } = await nginx.ask('/request', { headers: { 'Accept-Encoding': 'br, gzip' } });
      expect(headers['content-encoding']).toBeUndefined();
    });
  });

  describe('headers of the app', () => {
    test.each([4, 8, 16, 24])('of %i KB come through', async (kilobytes) => {
      const reply = await nginx.ask(`/headers/${kilobytes}`);
      expect([reply.status, reply.headers[`x-header-${kilobytes - 1}`]]).toEqual([200, 'x'.repeat(1000)]);
    });

    test('that are too many for one response do not have the host left alone', async () => {
      const others = await startStub();
      const two = await Nginx.start({ hosts: [stub.port, others.port] });
      expect((await two.ask('/headers/60')).status).toBe(502);
      const ports = new Set<number>();
      for (let round = 0; round < 4; round++) {
        const { text } = await two.ask('/headers/1');
        ports.add((JSON.parse(text) as { port: number }).port);
      }
      expect([...ports].sort()).toEqual([stub.port, others.port].sort());
      await two.stop();
      await others.close();
    });
  });

  test('an event comes through at once', async () => {
    const req = https.get({
      port: nginx.httpsPort,
      host: '127.0.0.1',
      path: '/events',
      servername: DOMAIN,
      ca: nginx.ca,
      headers: { Host: DOMAIN, 'Accept-Encoding': 'br, gzip' },
    });
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    let text = '';
    res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await until('the stream is open', () => stub.state.streams.length === 1);
    expect(res.headers['content-encoding']).toBeUndefined();
    for (const number of [1, 2, 3]) {
      stub.state.streams[0]?.send('tick', { number });
      await until(`event ${number} is here`, () => text.includes(`data: {"number":${number}}`));
    }
    req.destroy();
  });

  describe('the rate limit', () => {
    test('answers 429 with Retry-After to one address, in the form it asks for, and not to another', async () => {
      const [flooder, other] = ['127.0.77.1', '127.0.77.2'];
      const { statuses } = await Load.run({
        ...nginx.target,
        lanes: 30,
        total: 600,
        addresses: 1,
        requests: [{ path: '/request' }],
      });
      expect(Object.keys(statuses)).toEqual(['200', '429']);
      expect(statuses['200']).toBeGreaterThanOrEqual(200);
      const flood = Array.from({ length: 260 }, () => nginx.ask('/request', { from: flooder }));
      const refused = (await Promise.all(flood)).find(({ status }) => status === 429);
      expect(refused?.headers).toMatchObject({
        'retry-after': '4',
        'content-type': 'application/problem+json',
      });
      expect(JSON.parse(refused?.text ?? '')).toMatchObject({ code: 'RATE_LIMITED' });
      expect((await nginx.ask('/request', { from: other })).status).toBe(200);
    });

    test("passes the app's own 429 and 503 on as they are", async () => {
      for (const status of [429, 503]) {
        stub.state.status = status;
        const reply = await nginx.ask('/api/items', { headers: { Authorization: 'Bearer x' } });
        expect([reply.status, reply.text]).toEqual([status, expect.stringContaining('Bearer x')]);
      }
      stub.state.status = 200;
    });
  });
});

describeWith(['nginx', 'brotli', 'openssl'], 'deploy/nginx while the app is away', () => {
  let nginx: Nginx;
  beforeAll(async () => {
    // Nobody listens on port 9 of loopback.
    nginx = await Nginx.prepare({ hosts: [9] });
    for (const name of [...NAMES, ...HIDDEN]) {
      const file = nginx.folder.join('srv/current/public', name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `the file ${name}`);
    }
    await nginx.hashAssets();
    await nginx.start();
  });
  afterAll(() => nginx.stop());

  test('serves its own page to a browser', async () => {
    const reply = await nginx.ask('/', { headers: { Accept: 'text/html,*/*' } });
    expect(reply.status).toBe(502);
    expect(reply.headers).toMatchObject({
      'content-type': 'text/html',
      'retry-after': '10',
      'cache-control': 'no-store',
    });
    expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(reply.text).toContain('Back in a moment');
    expect(reply.text + JSON.stringify(reply.headers)).not.toMatch(/nginx\/|1\.22/);
  });

  test('and a problem to everybody else, also to a POST', async () => {
    const reply = await nginx.ask('/api/session', { method: 'POST', body: '{}' });
    expect([reply.status, reply.headers['content-type']]).toEqual([502, 'application/problem+json']);
    expect(JSON.parse(reply.text)).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('serves files under the names with a hash for a year, compressed beforehand', async () => {
    const path = staticFiles(nginx.folder.join('srv/current/public')).url('style.css');
    for (const [accepted, encoding, decode] of [
      ['br, gzip', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['', undefined, (body: Buffer) => body],
    ] as const) {
      const reply = await nginx.ask(path, { headers: { 'Accept-Encoding': accepted } });
      expect(reply.status).toBe(200);
      expect(reply.headers['content-encoding']).toBe(encoding);
      expect(reply.headers['content-type']).toBe('text/css');
      expect(reply.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(decode(reply.body).toString()).toContain('color-scheme');
    }
  });

  test.each([['/style.css'], ['/style.0123456789.css'], ['/robots.txt']])(
    'serves %s, to be asked for again each time',
    async (path) => {
      const reply = await nginx.ask(path);
      expect([reply.status, reply.headers['cache-control']]).toEqual([
        200,
        'public, max-age=0, must-revalidate',
      ]);
      const again = await nginx.ask(path, { headers: { 'If-None-Match': reply.headers.etag ?? '' } });
      expect([again.status, again.text]).toEqual([304, '']);
    },
  );

  test.each(NAMES)('serves the file %s under both of its names', async (name) => {
    const folder = nginx.folder.join('srv/current/public');
    const hashed = await nginx.ask(staticFiles(folder).url(name));
    expect([hashed.status, hashed.text]).toEqual([200, `the file ${name}`]);
    expect(hashed.headers['cache-control']).toContain('immutable');
    const plain = await nginx.ask(staticFiles(folder, { hashed: false }).url(name));
    expect([plain.status, plain.text]).toEqual([200, `the file ${name}`]);
  });

  test.each(HIDDEN)('does not serve the hidden file %s', async (name) => {
    const hash = createHash('sha256').update(`the file ${name}`).digest('hex').slice(0, 10);
    for (const path of [
      name,
      name.replace(/(?=\.[^.]*$)/, '.0123456789'),
      name.replace(/(?=\.[^.]*$)/, `.${hash}`),
    ]) {
      for (const written of [path, path.replaceAll('.', '%2e'), path.replaceAll('/', '%2f')]) {
        const reply = await nginx.ask(`/${written}`);
        expect([written, reply.status, reply.text.includes('the file')]).toEqual([written, 502, false]);
      }
    }
  });

  test.each([
    ['/.env'],
    ['/../package.json'],
    ['/%2e%2e/package.json'],
    ['/dist/server.js'],
    ['/.git/config.json'],
  ])('serves nothing for %s', async (path) => {
    expect([400, 502]).toContain((await nginx.ask(path)).status);
  });
});
