import { describe, expect, test } from '@jest/globals';
import { safeRedirect } from '../../../src/platform/http/redirect.ts';

describe('a path on this site is kept', () => {
  test.each([
    ['/'],
    ['/companies/1'],
    ['/companies?page=2&sort=name'],
    ['/companies#top'],
    ['/a%20b'],
    ['/search?next=https://elsewhere.example/'],
    ['/@evil.example'],
    ['/a//b'],
  ])('%s', (target) => {
    expect(safeRedirect(target, '/home')).toBe(target);
  });

  test('and what no header may hold is percent-encoded', () => {
    expect(safeRedirect('/café?q=ü')).toBe('/caf%C3%A9?q=%C3%BC');
  });
});

describe('everything else falls back', () => {
  test.each([
    ['another site', 'https://evil.example/'],
    ['a protocol-relative one', '//evil.example'],
    ['three slashes', '///evil.example'],
    ['a slash and a backslash', '/\\evil.example'],
    ['two backslashes', '\\\\evil.example'],
    ['a backslash further on', '/a\\b'],
    ['a tab in front', '\t//evil.example'],
    ['a tab between the slashes', '/\t/evil.example'],
    ['a newline between the slashes', '/\n/evil.example'],
    ['a space in front', ' //evil.example'],
    ['a no-break space', '\u00a0//evil.example'],
    ['a NUL', '/\u0000/evil.example'],
    ['a header injection', '/\r\nSet-Cookie: a=b'],
    ['the same, encoded', '/%0d%0aSet-Cookie:a=b'],
    ['an encoded slash', '/%2fevil.example'],
    ['an encoded backslash', '/%5Cevil.example'],
    ['encoded slashes only', '%2f%2fevil.example'],
    ['an encoded tab', '/%09/evil.example'],
    ['a dot segment that leaves two slashes', '/.//evil.example'],
    ['two dots that leave two slashes', '/..//evil.example'],
    ['encoded dots that leave two slashes', '/%2e//evil.example'],
    ['a script', 'javascript:alert(1)'],
    ['a script with a line break', 'java\nscript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['a scheme without slashes', 'https:evil.example'],
    ['a scheme with one', 'https:/evil.example'],
    ['a relative path', 'evil.example/a'],
    ['a user name', 'http://here.invalid@evil.example/'],
    ['nothing', ''],
    ['the longest', `/${'a'.repeat(2048)}`],
    ['what is the longest once it is encoded', `/${'é'.repeat(400)}?q=${'日'.repeat(200)}`],
    ['an array', ['/a']],
    ['an object', { toString: () => '/a' }],
    ['undefined', undefined],
    ['null', null],
  ])('%s', (_name, target) => {
    expect(safeRedirect(target, '/home')).toBe('/home');
  });
});
