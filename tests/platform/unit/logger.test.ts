import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { LogLines } from '../../support/http.ts';

/** The line that is logged for these fields. */
function logged(fields: object): Record<string, unknown> {
  const log = new LogLines();
  createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log).info(fields, 'text');
  return log.lines[0] ?? {};
}

describe('never reaches the log:', () => {
  test.each([
    { password: 'sekrit' },
    { user: { passwordHash: 'sekrit' } },
    { token: 'sekrit', refresh_token: 'sekrit' },
    { oauth: { accessToken: 'sekrit' } },
    { headers: { authorization: 'sekrit', cookie: 'sekrit', 'set-cookie': ['sekrit'] } },
    { req: { headers: { 'proxy-authorization': 'sekrit' } } },
  ])('%j', (fields) => {
    const line = JSON.stringify(logged(fields));
    expect(line).not.toContain('sekrit');
    expect(line).toContain('[redacted]');
  });

  test('what a command of ioredis carried when it failed', () => {
    const command = { name: 'set', args: ['app:session:sekrit', '{"user":"sekrit"}'] };
    const failed = Object.assign(new Error('OOM command not allowed'), { command });
    const ofNode = Object.assign(new Error('no node took it'), { lastNodeError: failed });
    const ofAll = new AggregateError([failed], 'all failed');
    for (const err of [failed, ofNode, ofAll, new Error('outer', { cause: failed })]) {
      const line = logged({ err });
      expect(JSON.stringify(line)).not.toContain('sekrit');
      expect(line.err).toMatchObject({
        type: expect.any(String),
        stack: expect.stringContaining('logger.test'),
      });
    }
    expect(logged({ err: failed }).err).toMatchObject({ command: 'set' });
  });

  test('what was wrong when it was validated, which is in each issue of the error', () => {
    const input = { user: { name: 'sekrit', age: 'sekrit' } };
    const schema = v.object({ user: v.object({ age: v.number('must be a number') }) });
    let failed: unknown;
    try {
      v.parse(schema, input);
    } catch (error) {
      failed = error;
    }
    const inner = Object.assign(new Error('the job failed'), { reason: failed });
    const ofAll = new AggregateError([failed], 'all failed');
    for (const err of [failed, inner, ofAll, new Error('outer', { cause: failed })]) {
      expect(JSON.stringify(logged({ err }))).not.toContain('sekrit');
    }
    expect(logged({ err: failed }).err).toMatchObject({ issues: ['user.age must be a number'] });
  });
});

test('each line has its own time, be it in the same millisecond as the one before or not', () => {
  const log = new LogLines();
  const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
  const spans: [from: number, to: number][] = [];
  for (let left = 200; left > 0; left--) {
    const from = Date.now();
    logger.info('text');
    spans.push([from, Date.now()]);
    while (left % 20 === 0 && Date.now() === from);
  }
  const times = log.lines.map(({ time }) => Date.parse(String(time)));
  expect(times.filter((time, at) => !(spans[at] && spans[at][0] <= time && time <= spans[at][1]))).toEqual(
    [],
  );
  expect(new Set(times).size).toBeGreaterThanOrEqual(10);
  expect(log.lines[0]?.time).toBe(new Date(times[0] ?? 0).toISOString());
});

test('something thrown that is no Error is logged as it is', () => {
  expect(logged({ err: 'text' }).err).toBe('text');
});

describe('logs, and never throws:', () => {
  const gone = Proxy.revocable({}, {});
  gone.revoke();
  const broken = {
    get msg(): never {
      throw new Error('no msg');
    },
    get err(): never {
      throw new Error('no err');
    },
  };
  const flaky = {
    reads: 0,
    get value() {
      if (this.reads++ > 0) throw new Error('once only');
      return 'text';
    },
  };
  const sly = Object.assign(Object.create(null) as object, { toString: 1 });

  test.each<[string, unknown[], object]>([
    ['an error alone', [new Error('x')], { msg: 'x', err: { message: 'x' } }],
    ['a frozen error', [{ err: Object.freeze(new Error('x')) }, 'text'], { err: { message: 'x' } }],
    ['an error as "error"', [{ error: new Error('x') }], { error: { message: 'x', type: 'Error' } }],
    ['a URL', [{ target: new URL('https://example.com/x') }], { target: 'https://example.com/x' }],
    ['a proxy that is gone', [gone.proxy], { value: '[unreadable]' }],
    ['getters that throw', [broken, 'text'], { msg: 'text', err: '[unreadable]' }],
    ['a getter that throws the second time', [flaky, 'text'], { value: 'text' }],
    ['an array', [[1, 2], 'text'], { value: [1, 2] }],
    ['a symbol as the message', [Symbol('x')], { msg: 'Symbol(x)' }],
    ['a bigint as the message', [{ a: 1 }, 5n], { msg: '5' }],
    ['an object as the message', [{ a: 1 }, gone.proxy], { msg: '[unreadable]' }],
    [
      'values in the message',
      ['%s and %d of %o', gone.proxy, 5n, { a: 1 }],
      { msg: expect.stringContaining('[unreadable] and 5 of') },
    ],
    ['values without a text', ['%s', sly], { msg: expect.any(String) }],
    [
      'secrets in the message',
      ['at https://u:sekrit@host/?token=%s', 'sekrit'],
      { msg: expect.stringContaining('host') },
    ],
    [
      'secrets behind the message',
      ['failed', { password: 'sekrit' }],
      { msg: expect.stringContaining('redacted') },
    ],
    ['nothing', [], {}],
    ['null', [null, 'text'], { msg: 'text' }],
  ])('%s', (_what, args, expected) => {
    const log = new LogLines();
    const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
    Reflect.apply(logger.info.bind(logger), undefined, args);
    expect(log.lines).toEqual([expect.objectContaining({ level: 'info', pid: process.pid })]);
    expect(log.lines[0]).toMatchObject(expected);
    expect(JSON.stringify(log.lines)).not.toContain('sekrit');
  });

  test('what a child has in each of its lines', () => {
    const log = new LogLines();
    const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
    const bindings = Object.assign(Object.create(null) as object, {
      Token: 'sekrit',
      err: Object.freeze(new Error('x')),
    });
    logger
      .child(bindings)
      .child(broken)
      .child({ at: new URL('https://a.example/') })
      .info('text');
    expect(log.lines).toEqual([
      expect.objectContaining({
        Token: '[redacted]',
        err: '[unreadable]',
        at: 'https://a.example/',
        msg: 'text',
      }),
    ]);
  });

  test('what a child gets later, and what its own serializers make', () => {
    const log = new LogLines();
    const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
    const serializers = {
      user: (id: unknown) => ({ id, password: 'sekrit' }),
      broken: () => {
        throw new Error('no');
      },
    };
    const child = logger.child({ a: 1 }, { serializers });
    child.setBindings({ token: 'sekrit', at: gone.proxy });
    child.info({ user: 7, broken: 1 }, 'text');
    expect(log.lines).toEqual([
      expect.objectContaining({
        a: 1,
        token: '[redacted]',
        at: '[unreadable]',
        user: { id: 7, password: '[redacted]' },
        broken: '[unreadable]',
      }),
    ]);
  });

  test('a level that is changed later is that of children, too', () => {
    const log = new LogLines();
    const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
    const child = logger.child({ a: 1 });
    logger.level = 'error';
    child.info('left out');
    logger.level = 'debug';
    child.debug('there');
    expect(log.lines).toEqual([expect.objectContaining({ a: 1, msg: 'there' })]);
  });
});
