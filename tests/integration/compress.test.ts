import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createBrotliDecompress, createGunzip, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { compress } from '../../src/http/compress.ts';
import { openEventStream } from '../../src/http/event-stream.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { serve } from '../support/http.ts';

const text = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: `company ${id}` })));

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

async function ask(path: string, encoding: string): Promise<IncomingMessage> {
  const served = await serve((app) => {
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
    app.get('/events', (req, res) => {
      openEventStream(req, res, new Lifecycle()).send('tick', { now: 1 });
    });
  });
  close = served.close;
  const request = get({
    port: served.port,
    path,
    host: '127.0.0.1',
    headers: { 'accept-encoding': encoding },
  });
  return ((await once(request, 'response')) as [IncomingMessage])[0];
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
  ])('for Accept-Encoding "%s" is %s, of the same bytes', async (accept, encoding, decompress) => {
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
  ])('leaves alone %s', async (_name, path, accept) => {
    const response = await ask(path, accept);
    await bytesOf(response);
    expect(response.headers['content-encoding']).toBeUndefined();
  });

  test.each([
    ['gzip', createGunzip],
    ['br', createBrotliDecompress],
  ] as const)('of an event stream (%s) is flushed with each event', async (encoding, decompressor) => {
    const response = await ask('/events', encoding);
    expect(response.headers).toMatchObject({ 'content-encoding': encoding, 'x-accel-buffering': 'no' });
    let received = '';
    for await (const chunk of response.pipe(decompressor())) {
      received += String(chunk);
      if (received.includes('tick')) break;
    }
    expect(received).toBe(':\n\nevent: tick\ndata: {"now":1}\n\n');
  });
});
