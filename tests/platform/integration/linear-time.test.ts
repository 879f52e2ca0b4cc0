import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { createHttpServer } from '../../../src/platform/http/server.ts';
import { safeRedirect } from '../../../src/platform/http/redirect.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { toPlain } from '../../../src/platform/observability/plain.ts';
import { redactText, redactUrl } from '../../../src/platform/observability/redact.ts';
import { createTestApp, type TestApp } from '../../support/test-app.ts';
import { WHOLE_APP } from '../../support/whole-app.ts';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));

/** Texts that have patterns begin again at each character, or go back. They are repeated. */
const HOSTILE = [
  ...[
    'a',
    ' ',
    '\t',
    '0',
    '=',
    '&',
    ';',
    ',',
    '.',
    '-',
    '/',
    ':',
    '"',
    '\\',
    '%',
    '@',
    '(',
    '[',
    '{"',
    '+',
    '*',
  ],
  ...[
    'a=',
    'a&',
    'a=b;',
    'a,',
    '; ',
    '0.',
    '%25',
    '%zz',
    '://',
    '://a@',
    '/a',
    '\\"',
    '"a":',
    'token',
    'token=',
    'a: ',
  ],
  ...[
    'bearer ',
    'é',
    '\u0301',
    'x-',
    '..',
    'q=0.',
    'gzip;',
    'app.sid ',
    'sid =',
    '=?',
    '0-',
    'W/"',
    'b[',
    'b[]=',
  ],
];

/** The length of a long text, in short ones. */
const GROWTH = 32;
const SHORT_LENGTH = 250;

/** One long text takes about as long as GROWTH short ones; a pattern that is quadratic, GROWTH times as long. */
const MAX_RATIO = 8;

/** What a busy machine adds is not in every attempt; what the work itself takes is. */
const ATTEMPTS = 20;

/** The CPU time of this process in milliseconds: a busy machine takes away time, but not this one. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function timeOf(work: () => unknown): number {
  const begun = cpuMs();
  work();
  return cpuMs() - begun;
}

/** How much longer one long text takes than the same number of characters in short ones. */
function ratioFor(work: (text: string) => unknown, textOf: (length: number) => string): number {
  const [short, long] = [textOf(SHORT_LENGTH), textOf(SHORT_LENGTH * GROWTH)];
  const shortOnes = () => {
    for (let time = 0; time < GROWTH; time++) work(short);
  };
  // The first ones are slower: their code is compiled.
  shortOnes();
  work(long);
  let [shortMs, longMs] = [Infinity, Infinity];
  for (let attempt = 0; attempt < ATTEMPTS && !(longMs < shortMs * MAX_RATIO); attempt++) {
    shortMs = Math.min(shortMs, timeOf(shortOnes));
    longMs = Math.min(
      longMs,
      timeOf(() => work(long)),
    );
  }
  return longMs / shortMs;
}

/** The hostile texts for which the work takes more than linear time. */
function slowTexts(work: (text: string) => unknown, pieces: readonly string[]) {
  return pieces.flatMap((piece) =>
    ['', '\n!', piece.slice(0, 1)].flatMap((end) => {
      const ratio = ratioFor(work, (length) => piece.repeat(Math.ceil(length / piece.length)) + end);
      return ratio < MAX_RATIO ? [] : [{ piece, end, ratio }];
    }),
  );
}

/** Every regular expression that is written in src, whatever it looks at, by its place. */
function patterns(): [place: string, pattern: RegExp][] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files.flatMap((file) => {
    const found: [string, RegExp][] = [];
    const source = ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.Latest);
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        found.push([`${file}: ${node.text}`, new RegExp(node.text.slice(1, end), node.text.slice(end + 1))]);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

/** What the pattern itself looks for, repeated, makes it begin most often. */
function wordsOf({ source }: RegExp): string[] {
  return [...new Set(source.replace(/\\[a-zA-Z]|\(\?<\w+>/g, ' ').match(/[a-z]{2,}/gi))];
}

describe('every pattern takes linear time:', () => {
  test.each(patterns())('%s', (_place, pattern) => {
    const pieces = [...HOSTILE, ...wordsOf(pattern)];
    expect(slowTexts((text) => text.replace(pattern, ''), pieces)).toEqual([]);
  });

  test('finds a pattern that does not', () => {
    expect(slowTexts((text) => text.replace(/(^|&)([^=&]*token[^=&]*)=/g, ''), ['token'])).not.toEqual([]);
  });
});

describe('these functions take linear time:', () => {
  test.each<[string, (text: string) => unknown]>([
    ['the redaction of URLs', redactUrl],
    ['the redaction of URLs in URLs', (text) => redactUrl(`next=${encodeURIComponent(text)}`)],
    ['the redaction of texts', redactText],
    ['the redaction of JSON', (text) => redactText(JSON.stringify({ password: 'x', text }))],
    ['the redaction of headers', (text) => redactText(`a: b\r\n${text}\r\n`)],
    ['what is logged', (text) => toPlain({ text, [text]: [text] })],
    ['where to redirect', (text) => safeRedirect(`/${text.slice(0, 2000)}`)],
  ])('%s', (_what, work) => {
    const pieces = [...HOSTILE, '%2574', 'Cookie: a\r\n', '{"password":', '%3Ftoken%3D'];
    expect(slowTexts(work, pieces)).toEqual([]);
  });
});

describe('the whole app takes linear time for', () => {
  let app: TestApp;
  let server: Server;
  beforeAll(async () => {
    app = await createTestApp(
      { TRUST_PROXY: 'loopback', CORS_ORIGINS: 'https://shop.example', MAX_LOOP_DELAY_MS: '0' },
      WHOLE_APP,
    );
    server = createHttpServer(app.app, app.config, createLogger(app.config, app.log)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await app.close();
  });

  async function ask(headers: Record<string, string>, path: string): Promise<void> {
    const { port } = server.address() as AddressInfo;
    const sent = request({ port, host: '127.0.0.1', path, headers: { Host: 'a', ...headers } });
    sent.on('error', () => undefined).end();
    await once(sent, 'close');
    app.log.lines.length = 0;
  }

  /** Node refuses more than 16 KiB of headers. */
  const [SHORT, LONG] = [900, 14_400];
  const isHeader = (piece: string) => /^[\x20-\x7e\t]+$/.test(piece);
  const ways: [string, (text: string) => Promise<void>][] = [
    'Accept',
    'Accept-Encoding',
    'Accept-Language',
    'Authorization',
    'Cache-Control',
    'Content-Type',
    'Cookie',
    'Host',
    'If-Modified-Since',
    'If-None-Match',
    'Origin',
    'Range',
    'Referer',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Request-Id',
  ].map((name) => [`the header ${name}`, (text) => ask({ [name]: text }, '/api/items')]);
  const inUrl = (text: string) => text.replace(/[^\x21-\x7e]/g, encodeURIComponent);
  ways.push(
    ['a path', (text) => ask({}, `/${inUrl(text)}`)],
    ['a query', (text) => ask({}, `/api/items?q=${inUrl(text)}`)],
  );

  async function timeOfRequest(send: () => Promise<void>): Promise<number> {
    const begun = cpuMs();
    await send();
    return cpuMs() - begun;
  }

  const textOf = (piece: string, length: number) => `a${piece.repeat(length).slice(0, length)}!`;

  /** The shortest of several: the first requests are slower. */
  async function shortMs(send: (text: string) => Promise<void>): Promise<number> {
    let ms = Infinity;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++)
      ms = Math.min(ms, await timeOfRequest(() => send(textOf('a', SHORT))));
    return ms;
  }

  /** Sixteen times the length; what is quadratic takes 256 times as long. */
  async function isLinear(send: (text: string) => Promise<void>, piece: string, maxMs: number) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++)
      if ((await timeOfRequest(() => send(textOf(piece, LONG)))) < maxMs) return true;
    return false;
  }

  test.each(ways)('%s', async (_what, send) => {
    const maxMs = (await shortMs(send)) * (LONG / SHORT) * 2;
    const slow: string[] = [];
    for (const piece of HOSTILE.filter(isHeader)) if (!(await isLinear(send, piece, maxMs))) slow.push(piece);
    expect(slow).toEqual([]);
  });
});
