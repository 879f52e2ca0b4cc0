import { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import {
  describe as describeThrown,
  stackOf,
  toError,
  toPlain,
} from '../../../src/platform/observability/plain.ts';

class Money {
  readonly #cents = 1250;
  toJSON() {
    return `${this.#cents / 100} €`;
  }
}

class Locked {
  readonly #secret = 'sekrit';
  isLocked() {
    return this.#secret.length > 0;
  }
}

const throwing = {
  kept: 1,
  get broken(): never {
    throw new Error('not now');
  },
};

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('no get');
    },
    ownKeys: () => {
      throw new Error('no keys');
    },
    getPrototypeOf: () => {
      throw new Error('no prototype');
    },
  },
);

function cycle(): object {
  const outer: Record<string, unknown> = { name: 'outer' };
  outer.inner = { outer };
  outer.list = [outer];
  return outer;
}

/** Itself among its errors, and its own cause by a detour. */
function errorCycle(): Error {
  const errors: unknown[] = [];
  const all = new AggregateError(errors, 'all');
  const inner = new Error('inner', { cause: all });
  errors.push(all, inner);
  return Object.assign(all, { cause: inner });
}

const request = () =>
  Object.assign(new IncomingMessage(new Socket()), {
    method: 'GET',
    url: '/x?token=sekrit',
    headers: { accept: '*/*', cookie: 'sekrit' },
  });

describe('is made plain:', () => {
  test.each<[string, unknown, unknown]>([
    ['text', 'text', 'text'],
    ['no number', NaN, 'NaN'],
    ['a bigint', 12345678901234567890n, '12345678901234567890'],
    ['a huge bigint', 2n ** 100_000n, '[large BigInt]'],
    ['a symbol', Symbol('here'), 'Symbol(here)'],
    ['a URL', new URL('https://u:sekrit@example.com/x?a=1'), 'https://[redacted]@example.com/x?a=1'],
    ['search parameters', new URLSearchParams({ page: '2', token: 'sekrit' }), '?page=2&token=[redacted]'],
    ['a Buffer', Buffer.from('sekrit'), '[Buffer: 6 bytes]'],
    ['other bytes', new Uint16Array(4), '[Uint16Array: 8 bytes]'],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['no date', new Date(NaN), 'Invalid Date'],
    ['a pattern', /a+/g, '/a+/g'],
    ['private fields with a toJSON', new Money(), '12.5 €'],
    ['private fields without', new Locked(), '[Locked]'],
    ['a promise', Promise.resolve(1), '[Promise]'],
    ['a boxed number', Object(7), 7],
    ['no prototype', Object.assign(Object.create(null) as object, { a: { b: 1 } }), { a: { b: 1 } }],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', 1],
        ['Password', 'sekrit'],
        [{}, 2],
      ]),
      {
        a: 1,
        Password: '[redacted]',
        '[Object]': 2,
      },
    ],
    ['a set', new Set([1, 'two']), [1, 'two']],
    ['headers', new Headers({ Accept: '*/*', Cookie: 'sekrit' }), { accept: '*/*', cookie: '[redacted]' }],
    ['functions', { a: () => 1, b: [() => 1] }, { b: [null] }],
    ['a getter that throws', throwing, { kept: 1, broken: '[unreadable]' }],
    [
      'a toJSON that throws',
      {
        a: 1,
        toJSON: () => {
          throw new Error('no');
        },
      },
      { a: 1 },
    ],
    ['a toJSON that rejects', { toJSON: () => Promise.reject(new Error('no')) }, '[Promise]'],
    [
      'a toJSON that is itself',
      {
        a: 1,
        toJSON() {
          return this;
        },
      },
      { a: 1 },
    ],
    ['a toJSON without end', endless(), expect.anything()],
    ['a proxy that is gone', revoked(), '[unreadable]'],
    ['a proxy that throws', hostile, '[unreadable]'],
    ['a proxy in an object', { a: 1, hostile }, { a: 1, hostile: '[unreadable]' }],
    ['a cycle', cycle(), { name: 'outer', inner: { outer: '[circular]' }, list: ['[circular]'] }],
    ['a property __proto__', JSON.parse('{"__proto__": {"a": 1}}'), JSON.parse('{"__proto__": {"a": 1}}')],
    [
      'an incoming request',
      request(),
      {
        method: 'GET',
        url: '/x?token=[redacted]',
        statusCode: null,
        headers: { accept: '*/*', cookie: '[redacted]' },
      },
    ],
    ['a socket', new Socket(), '[Socket]'],
    [
      'an array with holes and a length without end',
      Object.assign([1], { length: 2 ** 32 - 1 }),
      expect.any(Array),
    ],
  ])('%s', (_what, value, plain) => {
    const result = toPlain(value);
    expect(result).toEqual(plain);
    expect(JSON.stringify(result)).not.toContain('sekrit');
  });

  test('errors, with what is not enumerable in them, and without a change to them', () => {
    const cause = Object.freeze(new Error('inner'));
    const error = Object.freeze(
      Object.assign(new AggregateError([cause, 'text'], 'outer', { cause }), {
        code: 'EX',
        password: 'sekrit',
      }),
    );
    expect(toPlain(error)).toEqual({
      type: 'AggregateError',
      message: 'outer',
      stack: expect.stringContaining('plain.test'),
      code: 'EX',
      password: '[redacted]',
      errors: [{ type: 'Error', message: 'inner', stack: expect.any(String) }, 'text'],
      cause: { type: 'Error', message: 'inner', stack: expect.any(String) },
    });
  });

  test.each<[string, () => Error]>([
    ['with cycles in errors and cause', errorCycle],
    ['of another realm', () => runInNewContext('new TypeError("all")') as Error],
    [
      'with a message that throws',
      () =>
        Object.defineProperty(new Error('all'), 'message', {
          get: () => {
            throw new Error('all');
          },
        }),
    ],
    ['with a stack that is no text', () => Object.assign(new Error('all'), { stack: { all: 1 } })],
    ['with a name that is none', () => Object.assign(new Error('all'), { name: Symbol('x') })],
    [
      'that says it is of valibot',
      () => Object.assign(new Error('all'), { name: 'ValiError', issues: [null] }),
    ],
  ])('an error %s', (_what, make) => {
    const error = make();
    expect(JSON.stringify(toPlain(error))).toMatch(/all|unreadable/);
    expect(toError(error)).toBe(error);
    expect(describeThrown(error)).toMatch(/all|unreadable/);
    expect(stackOf(error)).toEqual(expect.any(String));
  });

  test('a response and a request that this process sends', () => {
    const response = new ServerResponse(request());
    response.setHeader('Set-Cookie', ['sid=sekrit']).setHeader('ETag', 'x');
    expect(toPlain(response)).toEqual({
      statusCode: 200,
      headersSent: false,
      headers: { 'set-cookie': '[redacted]', etag: 'x' },
    });
    const agent = new Agent({ lookup: () => undefined });
    const sent = new ClientRequest({ host: 'a.invalid', path: '/?key=sekrit', auth: 'u:sekrit', agent });
    sent.on('error', () => undefined).destroy();
    const plain = JSON.stringify(toPlain(Object.assign(new Error('failed'), { request: sent })));
    expect(plain).toContain('a.invalid');
    expect(plain).not.toMatch(/sekrit|dTpzZWtyaXQ/);
    expect(plain.length).toBeLessThan(3000);
  });
});

function endless(): object {
  return { toJSON: () => endless() };
}

describe('is of bounded size:', () => {
  const deep = () => {
    let value: Record<string, unknown> = {};
    for (let level = 0; level < 10_000; level++) value = { value };
    return value;
  };
  const wide = (width: number, fill: () => unknown) =>
    Object.fromEntries(Array.from({ length: width }, (_, at) => [`name${at}`, fill()]));
  test.each<[string, () => unknown]>([
    ['deep', deep],
    ['wide', () => wide(100_000, () => 1)],
    ['wide at each level', () => wide(200, () => wide(200, () => wide(10, () => 'x'.repeat(100))))],
    ['a long text', () => 'x'.repeat(10_000_000)],
    ['long texts', () => Array.from({ length: 99 }, () => 'x'.repeat(100_000))],
    ['long names', () => ({ ['x'.repeat(1_000_000)]: 1 })],
    [
      'many errors',
      () =>
        new AggregateError(
          Array.from({ length: 5000 }, () => new Error('x')),
          'all',
        ),
    ],
  ])('%s', (_what, make) => {
    expect(JSON.stringify(toPlain(make())).length).toBeLessThan(150_000);
  });
});

describe('shows no secret, by the name of the field in any case:', () => {
  test.each<[unknown]>([
    [
      {
        headers: {
          Authorization: 'sekrit',
          Cookie: 'sekrit',
          'SET-COOKIE': ['sekrit'],
          'X-Api-Key': 'sekrit',
        },
      },
    ],
    [
      {
        a: {
          b: { c: { d: { Pass_Word: 'sekrit', 'client.secret': 'sekrit', accessToken: { raw: 'sekrit' } } } },
        },
      },
    ],
    [{ rawHeaders: ['Host', 'a', 'authorization', 'sekrit', 'COOKIE', 'sekrit'] }],
    [
      {
        headers: [
          ['set-cookie', 'sekrit'],
          ['Authorization', ['sekrit']],
        ],
      },
    ],
    [
      {
        headers: [
          { name: 'Cookie', value: 'sekrit' },
          { key: 'x-auth-token', value: 'sekrit' },
        ],
      },
    ],
    [{ headers: ['Authorization: Bearer sekrit', 'cookie: a=sekrit', 'Set-Cookie: sekrit'] }],
    [{ argv: ['--user', 'u', '--password', 'sekrit'] }],
    [
      {
        _header:
          'GET /?token=sekrit HTTP/1.1\r\nHost: a\r\nAuthorization: Basic sekrit\r\nCookie: a=sekrit; b=sekrit\r\n\r\n',
      },
    ],
    [{ config: { data: '{"user":"u","Password":"sekrit","more":{"api_key":["sekrit"],"pin":"sekrit"}}' } }],
    [{ data: `{"password":"sekrit","more":"${'x'.repeat(100_000)}"}` }],
    [{ data: '{"password":"sekrit", cut off' }],
    [{ data: JSON.stringify({ body: JSON.stringify({ token: 'sekrit' }) }) }],
    [{ body: 'user=u&password=sekrit' }],
    [
      {
        url: '/reset?code=sekrit',
        to: 'redis://:sekrit@host:6379/0',
        next: 'see https://u:sekrit@h/?sig=sekrit now',
      },
    ],
    [{ value: 'Basic sekrit', other: 'got Bearer sekrit of it' }],
    [{ otp: 123_456, sid: 'sekrit', pwd: 'sekrit', passphrase: 'sekrit', credentials: { user: 'sekrit' } }],
    [{ sessions: new Map([['Token', 'sekrit']]) }],
  ])('%j', (value) => {
    for (const logged of [value, { deep: [value] }, Object.assign(new Error('failed'), value)]) {
      const text = JSON.stringify(toPlain(logged));
      expect(text).not.toMatch(/sekrit|123456/);
      expect(text).toMatch(/redacted|characters with secrets/);
    }
  });

  test.each<[unknown]>([
    [{ author: 'a', code: 'EX', key: 'a:b', accept: 'kept', hasPassword: true, token: null, keyboard: 'x' }],
    [{ text: 'a = b, x: y, [1, 2] {not json} 100% https://host/path?page=2 a@b.example' }],
    [{ json: '{"id":12345678901234567890}' }],
    [{ stack: 'TokenExpiredError: jwt expired\n    at file:///srv/app/dist/x.js:1:2' }],
  ])('and shows what is none: %j', (value) => {
    expect(toPlain(value)).toEqual(value);
  });
});

describe('what was thrown is described:', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['text', 'a secret of https://u:sekrit@host', 'a secret of https://[redacted]@host'],
    ['no prototype', Object.create(null), '{}'],
    ['a proxy that is gone', revoked(), '[unreadable]'],
    [
      'a toString that throws',
      {
        toString: () => {
          throw new Error('no');
        },
      },
      '{}',
    ],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a function', () => 1, 'function'],
    ['an object', { a: 1 }, '{"a":1}'],
    ['an error', new TypeError('no'), 'TypeError: no'],
  ])('%s', (_what, thrown, text) => {
    expect(describeThrown(thrown)).toBe(text);
    expect(toError(thrown)).toBeInstanceOf(Error);
  });
});
