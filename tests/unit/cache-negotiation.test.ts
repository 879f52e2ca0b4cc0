import { describe, expect, test } from '@jest/globals';
import { encodingPreference } from '../../src/http/cache/accept-encoding.ts';

describe('what Accept-Encoding asks for', () => {
  const preferenceOf = encodingPreference();

  test.each<[string | undefined, string[]]>([
    [undefined, ['identity']],
    ['', ['identity']],
    ['gzip, deflate, br', ['br', 'gzip', 'identity']],
    ['gzip', ['gzip', 'identity']],
    ['GZIP;Q=0.5, br;q=0.1', ['gzip', 'br', 'identity']],
    ['x-gzip', ['gzip', 'identity']],
    ['br;q=0, gzip', ['gzip', 'identity']],
    ['*', ['br', 'gzip', 'identity']],
    ['*;q=0', []],
    ['gzip, *;q=0', ['gzip']],
    ['identity;q=1, gzip;q=0.5', ['identity', 'gzip']],
    ['gzip, identity;q=0', ['gzip']],
    ['brrr', ['identity']],
    ['gzip;q=oops', ['identity']],
    [',;,;q=;=', ['identity']],
  ])('%p is %p', (header, expected) => {
    expect(preferenceOf(header)).toEqual(expected);
    expect(preferenceOf(header)).toEqual(expected);
  });

  test('is right for more values than it remembers', () => {
    for (let i = 0; i < 500; i++) expect(preferenceOf(`gzip;q=0.${i}1, br;q=0`)[0]).toBe('gzip');
    expect(preferenceOf('br')).toEqual(['br', 'identity']);
  });
});
