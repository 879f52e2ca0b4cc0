import { describe, expect, test } from '@jest/globals';
import { isSecretName, redactText, redactUrl } from '../../../src/platform/observability/redact.ts';

const twice = (text: string) => encodeURIComponent(encodeURIComponent(text));

describe('secrets in a URL are replaced:', () => {
  test.each([
    ['token=sekrit', 'token=[redacted]'],
    ['a=1&access_token=sekrit&b=2', 'a=1&access_token=[redacted]&b=2'],
    ['Api_Key=sekrit', 'Api_Key=[redacted]'],
    ['api-key=sekrit&API.KEY=sekrit', 'api-key=[redacted]&API.KEY=[redacted]'],
    ['code=sekrit&state=1', 'code=[redacted]&state=1'],
    ['PASSWORD=sekrit&password=sekrit', 'PASSWORD=[redacted]&password=[redacted]'],
    ['reset-token[]=sekrit', 'reset-token[]=[redacted]'],
    ['user[pass.word]=sekrit', 'user[pass.word]=[redacted]'],
    ['%74oken=sekrit&pass%77ord=sekrit', '%74oken=[redacted]&pass%77ord=[redacted]'],
    ['%zz%74oken=sekrit', '%zz%74oken=[redacted]'],
    ['a=1;token=sekrit', 'a=1;token=[redacted]'],
    ['a=b=token=sekrit', 'a=b=token=[redacted]'],
    ['next=/cb?token=sekrit&page=2', 'next=/cb?token=[redacted]&page=2'],
    [`next=${encodeURIComponent('/cb?token=sekrit')}&page=2`, 'next=[redacted]&page=2'],
    [`next=${twice('https://a/#access_token=sekrit')}`, 'next=[redacted]'],
    [`next=${twice(twice(twice('/cb?token=sekrit')))}`, 'next=[redacted]'],
    [`next=${encodeURIComponent('https://u:sekrit@host/')}`, 'next=[redacted]'],
    ['next=https://u:sekrit@host/x', 'next=https://[redacted]@host/x'],
    ['token%3Dsekrit', '[redacted]'],
    ['http://u:sekrit@host:80/path?a=1', 'http://[redacted]@host:80/path?a=1'],
    ['http://sekrit@host/', 'http://[redacted]@host/'],
    ['/path;token=sekrit/more?a=1', '/path;token=[redacted]?a=1'],
    ['to%256ben=sekrit&to%25256ben=sekrit', 'to%256ben=[redacted]&to%25256ben=[redacted]'],
    ['token=sek;rit?sekrit&page=2', 'token=[redacted];[redacted]?[redacted]&page=2'],
    ['params={"pin":1,"token":"sekrit"}', 'params=[redacted]'],
    [`params=${encodeURIComponent('{"a":{"pass_word":"sekrit"}}')}&a=1`, 'params=[redacted]&a=1'],
    ['h=Bearer%20sekrit&i=bearer+sekrit', 'h=[redacted]&i=[redacted]'],
  ])('%s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
    // Once more, as the logger does with what it is given.
    expect(redactUrl(shown)).toBe(shown);
  });

  test.each(
    'pwd passphrase passcode auth credential otp sid api-key jwt sig key code session secret csrf'.split(' '),
  )('the parameter %s', (name) => {
    for (const form of [name, name.toUpperCase(), `_${name}`, name.split('').join('-')]) {
      expect(redactUrl(`/x?a=1&${form}=sekrit`)).toBe(`/x?a=1&${form}=[redacted]`);
    }
  });
});

describe('secrets in a text are replaced:', () => {
  test.each([
    ['the body was {"token":"sekrit","page":1}', 'the body was {"token":"[redacted]","page":1}'],
    [
      'was "{\\"a\\":1,\\"token\\":\\"sekrit\\"}" then',
      'was "{\\"a\\":1,\\"token\\":\\"[redacted]\\"}" then',
    ],
    ["{ user: 'a', passWord: 'it\\'s sekrit' }", "{ user: 'a', passWord: '[redacted]' }"],
    ["host=a password='a sekrit' port=1", 'host=a password=[redacted] port=1'],
    ['{"token":"sekrit', '[16 characters with secrets]'],
    ['Server=a b;User=u;Password=sekrit;Database=d', 'Server=a b;User=u;Password=[redacted];Database=d'],
    [
      'GET / HTTP/1.1\nx-api-key: sekrit\ncookie: a=sekrit\nhost: a',
      'GET / HTTP/1.1\nx-api-key: [redacted]\ncookie: [redacted]\nhost: a',
    ],
    ['GET / HTTP/1.1\r\nsid: sekrit\r\nhost: a\r\n', 'GET / HTTP/1.1\r\nsid: [redacted]\r\nhost: a\r\n'],
    ["curl -H 'Authorization: Basic sekrit'", "curl -H 'Authorization: [redacted]"],
  ])('%s', (text, shown) => {
    expect(redactText(text)).toBe(shown);
    expect(redactText(shown)).toBe(shown);
  });

  test.each(['Unexpected token x', 'name: "token", page: 2', 'a: b; c: d', 'Error: no\n    at x-y: 1'])(
    'nothing else is: %s',
    (text) => {
      expect(redactText(text)).toBe(text);
    },
  );
});

test.each([
  'page=2&q=token',
  '/a/b?author=x&sort=-founded',
  'q=caf%C3%A9%20au%20lait&x=100%25',
  'next=%2Fcompanies%3Fpage%3D2',
  '%',
  '%zz=%',
  '&&=&a',
  'a@b.example',
  '/@user/x=1',
])('nothing else is: %s', (url) => {
  expect(redactUrl(url)).toBe(url);
});

test('names of secrets are recognised by the words in them', () => {
  const secret = [
    'Authorization',
    'set-cookie',
    'PASS_WORD',
    'x.Api-Key',
    'passwordHash',
    'clientSecret',
    'oAuth',
    'connect.sid',
    'DB_PASS',
    'smtpPass',
    'Ocp-Apim-Subscription-Key',
    'awsCreds',
  ];
  const harmless = [
    'author',
    'authority',
    'key',
    'code',
    'compass',
    'monkey',
    'status',
    'assign',
    'signal',
    'pinned',
  ];
  expect(secret.filter((name) => !isSecretName(name))).toEqual([]);
  expect(harmless.filter(isSecretName)).toEqual([]);
});

test('names of secrets are still recognised after thousands of invented ones', () => {
  const invented = Array.from({ length: 5000 }, (_, index) =>
    index % 2 === 0 ? `n${index}` : `pwd${index}`,
  );
  const names = [...invented, 'user', 'password', ...invented, 'user', 'password'];
  const expected = names.filter((name) => name.startsWith('p'));
  expect(names.filter(isSecretName)).toEqual(expected);
});
