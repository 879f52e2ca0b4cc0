import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { prepareHeaders, type Header } from '../../src/http/prepared-headers.ts';

const HEADERS: readonly Header[] = [
  ['X-Frame-Options', 'DENY'],
  ['Content-Security-Policy', "default-src 'self'"],
  ['X-XSS-Protection', '0'],
];
const prepared = prepareHeaders(HEADERS);
const bySetHeader = (response: ServerResponse) => {
  for (const [name, value] of HEADERS) response.setHeader(name, value);
};

function responseWith(...steps: ((response: ServerResponse) => void)[]): ServerResponse {
  const response = new ServerResponse(new IncomingMessage(undefined as unknown as Socket));
  response.sendDate = false;
  for (const step of steps) step(response);
  return response;
}

/** All that a response can be asked about its headers, and what it would send. */
function everythingOf(response: ServerResponse) {
  return {
    headers: { ...response.getHeaders() },
    names: response.getHeaderNames(),
    has: ['x-frame-options', 'X-XSS-PROTECTION', 'constructor', 'toString', '__proto__'].map((name) =>
      response.hasHeader(name),
    ),
    sent: (response.writeHead(200), (response as unknown as { _header: string })._header),
  };
}

describe('prepared headers', () => {
  test('are faster than setHeader on this Node: it keeps headers where they are put', () => {
    expect(prepared.name).toBe('byTable');
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ['left as they are', () => undefined],
    ['with one added', (response) => response.setHeader('Content-Type', 'text/plain')],
    ['with one replaced', (response) => response.setHeader('x-frame-options', 'SAMEORIGIN')],
    [
      'with one removed',
      (response) => {
        response.removeHeader('X-XSS-Protection');
      },
    ],
    ['with a value appended', (response) => response.appendHeader('Content-Security-Policy', 'x')],
    ['with a list for a value', (response) => response.setHeader('Set-Cookie', ['a=1', 'b=2'])],
    ['with one that objects have by birth', (response) => response.setHeader('constructor', 'x')],
    [
      'all removed',
      (r) => {
        r.getHeaderNames().forEach((name) => {
          r.removeHeader(name);
        });
      },
    ],
  ])('are what setHeader would set: %s', (_what, change) => {
    expect(everythingOf(responseWith(prepared, change))).toEqual(
      everythingOf(responseWith(bySetHeader, change)),
    );
  });

  test('are as well set on a response that has others already', () => {
    const before = (response: ServerResponse) => {
      response.setHeader('X-Request-Id', '1');
      response.setHeader('X-Frame-Options', 'SAMEORIGIN');
    };
    expect(everythingOf(responseWith(before, prepared))).toEqual(
      everythingOf(responseWith(before, bySetHeader)),
    );
  });

  test('are each response its own', () => {
    const changed = responseWith(prepared);
    changed.appendHeader('Content-Security-Policy', 'more');
    changed.removeHeader('X-Frame-Options');
    expect(everythingOf(responseWith(prepared))).toEqual(everythingOf(responseWith(bySetHeader)));
  });
});
