import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { staticFiles, type StaticFiles } from '../../../src/platform/http/middleware/static.ts';
import { sendRaw, serve } from '../../support/http.ts';

const FOREVER = 'public, max-age=31536000, immutable';
const REVALIDATE = 'public, max-age=0, must-revalidate';

const CSS = 'body { margin: 0 }';
const HASH = createHash('sha256').update(CSS).digest('hex').slice(0, 10);

/** Names that files have, one of each kind that a URL has to write in another way. */
const NAMES = [
  'my logo.svg',
  'größe.css',
  'gro\u0308ße.css',
  '日本語.txt',
  '100%.txt',
  '%41.txt',
  'a%2Fb.txt',
  'a#b.txt',
  'a?b=c.txt',
  'a+b&c;d=e@f:g,h.txt',
  `it's "quoted" <b>.txt`,
  'back\\slash.txt',
  'line\nbreak.txt',
  'LICENSE',
  'archive.tar.gz',
  'two..dots.txt',
  'ends with a dot.',
  'release 1.0/notes',
  'größe und mehr/ä ö/datei.été',
  // Names that look like hashed ones, with and without the name they would be of.
  'bundle.0123456789.js',
  'plain.css',
  'plain.0123456789.css',
  'plain.0123456789.0123456789.css',
  '.well-known/security.txt',
  '.well-known/apple-app-site-association',
  '.well-known/pki-validation/a b.txt',
];

/** Hidden names, each with a secret in it. */
const HIDDEN = [
  '.env',
  '.env.local',
  '.git/config.txt',
  '.well-known/.env',
  '.well-known/.git/config',
  '.well-known-too/key.txt',
  'icons/.well-known/key.txt',
  'icons/.DS_Store',
];

let directory: string;
let files: StaticFiles;
let app: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'static-'));
  await mkdir(join(directory, 'public', 'icons'), { recursive: true });
  await writeFile(join(directory, 'package.json'), '{"secret":true}');
  await writeFile(join(directory, 'public', 'style.css'), CSS);
  await writeFile(join(directory, 'public', 'icons', 'ok.svg'), '<svg/>');
  await mkdir(join(directory, 'public', '.well-known', '.git'), { recursive: true });
  await mkdir(join(directory, 'public', '.git'));
  await mkdir(join(directory, 'public', 'icons', '.well-known'));
  await mkdir(join(directory, 'public', '.well-known-too'));
  for (const hidden of HIDDEN) await writeFile(join(directory, 'public', hidden), 'SECRET=1');
  for (const [index, name] of NAMES.entries()) {
    await mkdir(dirname(join(directory, 'public', name)), { recursive: true });
    await writeFile(join(directory, 'public', name), `file ${index}`);
  }
  // A name that is not UTF-8, which no URL can name.
  await writeFile(Buffer.from(`${directory}/public/\xff.txt`, 'latin1'), 'latin1');
  files = staticFiles(join(directory, 'public'));
  app = await serve((express) => express.use(files.handler));
});

afterAll(async () => {
  await app.close();
  await rm(directory, { recursive: true });
});

const get = (path: string) => fetch(`${app.url}${path}`);

describe('static files', () => {
  test('have a URL with a hash of their content, also in folders', () => {
    expect(files.url('style.css')).toBe(`/style.${HASH}.css`);
    expect(files.url('icons/ok.svg')).toMatch(/^\/icons\/ok\.[0-9a-f]{10}\.svg$/);
  });

  test.each(NAMES)('have working URLs with and without a hash when they are named %j', async (name) => {
    const content = `file ${NAMES.indexOf(name)}`;
    const hashed = await get(files.url(name));
    expect([hashed.status, await hashed.text()]).toEqual([200, content]);
    expect(hashed.headers.get('cache-control')).toBe(FOREVER);
    const plain = await get(staticFiles(join(directory, 'public'), { hashed: false }).url(name));
    expect([plain.status, await plain.text()]).toEqual([200, content]);
    expect(plain.headers.get('cache-control')).toBe(REVALIDATE);
  });

  test('are served from .well-known when they were added after the start', async () => {
    await writeFile(join(directory, 'public', '.well-known', 'added later.txt'), 'later');
    expect(await (await get('/.well-known/added%20later.txt')).text()).toBe('later');
    expect(await (await get('/%2ewell%2Dknown/added%20later.txt?a=b')).text()).toBe('later');
  });

  test.each(HIDDEN)('are 404 for every method and spelling when their name is hidden: %s', async (name) => {
    const encoded = name.replaceAll('.', '%2e').replaceAll('/', '%2f');
    const hash = createHash('sha256').update('SECRET=1').digest('hex').slice(0, 10);
    const paths = [name, encoded, encodeURIComponent(name), `x/../${name}`, `.well-known/../${name}`];
    for (const path of [...paths, `${name}.${hash}`, name.replace(/\.[^.]+$/, `.${hash}$&`)]) {
      const raw = (method: string) =>
        sendRaw(app.port, `${method} /${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const responses = [await raw('GET'), await raw('POST'), await raw('OPTIONS')];
      expect(responses.map((text) => [path, text.slice(0, 12)])).toEqual(
        responses.map(() => [path, 'HTTP/1.1 404']),
      );
    }
    expect(() => files.url(name)).toThrow('There is no file');
  });

  test('have no URL when they do not exist', () => {
    expect(() => files.url('stlye.css')).toThrow('no file stlye.css');
  });

  test('may be kept for a year under the name with the hash', async () => {
    const response = await get(files.url('style.css'));
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe(FOREVER);
    expect(response.headers.get('content-type')).toBe('text/css; charset=utf-8');
    expect(await response.text()).toBe(CSS);
  });

  test('are revalidated under the plain name, with a 304', async () => {
    const response = await get('/style.css');
    expect(response.headers.get('cache-control')).toBe(REVALIDATE);
    const etag = response.headers.get('etag') ?? '';
    await request(app.url).get('/style.css').set('If-None-Match', etag).expect(304);
  });

  test('are the current file under the hash of another version, which may not be kept', async () => {
    const response = await get('/style.0123456789.css');
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe(REVALIDATE);
    expect(await response.text()).toBe(CSS);
  });

  test('have plain URLs in development, where they change while the app runs', () => {
    const plain = staticFiles(join(directory, 'public'), { hashed: false });
    expect(plain.url('style.css')).toBe('/style.css');
  });

  test.each([
    '/nothing.css',
    '/nothing.0123456789.css',
    '/icons',
    '/icons/',
    '/.env',
    '/%2eenv',
    '/style.css/',
    '/style.css%00',
    '/style.css%00.png',
    `/style.${HASH.toUpperCase()}.css`,
    `/${'a'.repeat(5000)}`,
    '/__proto__',
  ])('are 404 without a year of caching for %s', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/package.json',
    '/%2e%2e%2fpackage.json',
    '/..%5cpackage.json',
    '/icons/../../package.json',
    '/icons/..%2f..%2fpackage.json',
    '//../package.json',
    '/..0123456789.json',
    '/../package.0123456789.json',
    '/..%2fpackage.0123456789.json',
  ])('do not leave their folder for %s', async (path) => {
    // A client would resolve the dots; these bytes are sent as they are.
    const answer = await sendRaw(app.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toContain('secret');
  });

  test('can be read only', async () => {
    for (const path of ['/style.css', `/style.${HASH}.css`]) {
      const response = await fetch(app.url + path, { method: 'POST' });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
      const options = await fetch(app.url + path, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
    }
    expect((await fetch(`${app.url}/none.css`, { method: 'POST' })).status).toBe(404);
  });
});
