import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import express, { Router, type ErrorRequestHandler, type RequestHandler } from 'express';
import request from 'supertest';
import { inOrder } from '../../../src/platform/http/middleware/in-order.ts';

type Mount = (router: Router, handlers: RequestHandler[]) => void;

const MOUNTS: Record<string, { plain: Mount; asOne: Mount }> = {
  'in a router': {
    plain: (router, handlers) => router.use(...handlers),
    asOne: (router, handlers) => router.use(inOrder(...handlers)),
  },
  'in a route': {
    plain: (router, handlers) => router.get('/', ...handlers),
    asOne: (router, handlers) => router.get('/', inOrder(...handlers)),
  },
  'one in another': {
    plain: (router, handlers) => router.use(...handlers),
    asOne: (router, [first, ...rest]) =>
      router.use(inOrder(...[first, rest.length > 0 ? inOrder(...rest) : undefined].filter((h) => !!h))),
  },
  'one in another, in a route': {
    plain: (router, handlers) => router.get('/', ...handlers),
    asOne: (router, [first, ...rest]) =>
      router.get('/', inOrder(...[first, rest.length > 0 ? inOrder(...rest) : undefined].filter((h) => !!h))),
  },
};

/** What is called, in its order, and what the client gets, with the handlers mounted between others. */
async function traceOf(mount: Mount, make: (trace: string[]) => RequestHandler[]): Promise<string[]> {
  const trace: string[] = [];
  const pass = (name: string): RequestHandler => {
    return (_req, _res, next) => {
      trace.push(name);
      next();
    };
  };
  const onError = (name: string): ErrorRequestHandler => {
    return (error, _req, _res, next) => {
      // Express's own words for a rejection without a reason are others.
      const text = inspect(error).split('\n', 1)[0] ?? '';
      trace.push(`${name}: ${/Rejected promise|no Error was thrown/.test(text) ? 'no reason' : text}`);
      next(error);
    };
  };
  const router = Router();
  router.use(pass('before'));
  mount(router, make(trace));
  router.use(pass('after'), onError('error in the router'));
  const app = express().use(router, pass('outside'), onError('error outside'));
  app.use(((_error, _req, res, _next) => {
    if (!res.headersSent) res.status(500).end();
  }) as ErrorRequestHandler);
  const { status } = await request(app).get('/');
  // What a handler does after the response, and the turns in which Express hands it on.
  await Promise.allSettled(running.splice(0));
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  return [...trace, String(status)];
}

/** What the handlers of a test returned. */
const running: unknown[] = [];

type Step = (trace: string[]) => RequestHandler;

/** A handler that adds its name to the trace and goes on as told. */
const step = (name: string, run: RequestHandler): Step => {
  return (trace) => (req, res, next) => {
    trace.push(name);
    const result: unknown = run(req, res, next);
    running.push(result);
    return result;
  };
};

const go = (name: string) =>
  step(name, (_req, _res, next) => {
    next();
  });
const nextWith = (value: unknown) =>
  step('first', (_req, _res, next) => {
    next(value as Error);
  });
const send: Step = step('send', (_req, res) => {
  res.send('sent');
});

const NOT_ERRORS = [undefined, null, false, 0, '', NaN, 'route', 'router'];

/* eslint-disable @typescript-eslint/only-throw-error, @typescript-eslint/prefer-promise-reject-errors -- that is what is tested */
const SAME: [string, Step[]][] = [
  ['one handler', [go('a')]],
  ['three handlers', [go('a'), go('b'), go('c')]],
  ['a response in the middle', [go('a'), send, go('c')]],
  ['a response at the end', [go('a'), go('b'), send]],
  ...NOT_ERRORS.flatMap((value): [string, Step[]][] => [
    [`next(${String(value)}) at the start`, [nextWith(value), go('b'), go('c')]],
    [`next(${String(value)}) at the end`, [go('a'), nextWith(value)]],
  ]),
  ...[new Error('x'), 'a string', 1, true, {}].flatMap((value): [string, Step[]][] => [
    [`next(${inspect(value).split('\n', 1)[0]})`, [nextWith(value), go('b')]],
    [`next(${inspect(value).split('\n', 1)[0]}) at the end`, [go('a'), nextWith(value)]],
  ]),
  [
    'a throw',
    [
      step('a', () => {
        throw new Error('thrown');
      }),
      go('b'),
    ],
  ],
  [
    'a throw behind one that went on',
    [
      go('a'),
      step('b', () => {
        throw new Error('thrown');
      }),
    ],
  ],
  ['a rejection', [step('a', () => Promise.reject(new Error('rejected'))), go('b')]],
  ['a late rejection', [step('a', () => sleep(1).then(() => Promise.reject(new Error('late')))), go('b')]],
  ...[undefined, null, false, 0, ''].map((value): [string, Step[]] => [
    `a rejection with ${String(value)}`,
    [step('a', () => Promise.reject(value)), go('b')],
  ]),
  [
    'an async handler that goes on and waits',
    [
      step('a', async (_req, _res, next) => {
        await sleep(1);
        next();
        await sleep(1);
      }),
      go('b'),
    ],
  ],
  [
    'a rejection after next',
    [
      step('a', async (_req, _res, next) => {
        next();
        await sleep(1);
        throw new Error('after next');
      }),
      send,
    ],
  ],
  [
    'a throw after next',
    [
      step('a', (_req, _res, next) => {
        next();
        throw new Error('after next');
      }),
      send,
    ],
  ],
  [
    'next called twice by the last',
    [
      go('a'),
      step('b', (_req, _res, next) => {
        next();
        next();
      }),
    ],
  ],
  [
    'next called with an error and without',
    [
      step('a', (_req, _res, next) => {
        next(new Error('first'));
        next();
      }),
      go('b'),
    ],
  ],
  [
    'a promise that is not of this language',
    [
      step('a', ((_req, _res, next) => ({
        then: (resolve: () => void) => {
          next();
          resolve();
        },
      })) as RequestHandler),
      go('b'),
    ],
  ],
  [
    'a promise whose then throws',
    [
      step('a', () => ({
        then: () => {
          throw new Error('then');
        },
      })),
      go('b'),
    ],
  ],
  [
    'req.next, which res.sendFile and res.render call',
    [
      step('a', (req) => {
        req.next?.();
      }),
      go('b'),
    ],
  ],
  [
    'req.next with an error',
    [
      step('a', (req) => {
        req.next?.(new Error('from sendFile'));
      }),
      go('b'),
    ],
  ],
  ['more handlers than the stack takes', Array.from({ length: 20_000 }, () => go(''))],
];

describe.each(Object.entries(MOUNTS))('inOrder behaves like Express %s:', (_name, { plain, asOne }) => {
  test.each(SAME)('%s', async (_what, steps) => {
    const make = (trace: string[]) => steps.map((of) => of(trace));
    expect(await traceOf(asOne, make)).toEqual(await traceOf(plain, make));
  });

  test.each(NOT_ERRORS)('lets nobody past a thrown %p, which is stricter than Express', async (value) => {
    const steps = [
      [
        step('a', () => {
          throw value;
        }),
      ],
      [step('a', () => Promise.reject(value))],
      [go('a'), step('b', () => sleep(1).then(() => Promise.reject(value)))],
    ];
    for (const guards of steps) {
      const trace = await traceOf(asOne, (names) => [...guards, send].map((of) => of(names)));
      expect(trace).not.toContain('send');
      expect(trace).not.toContain('after');
      expect(trace.at(-1)).toBe('500');
    }
  });
});
/* eslint-enable */

test.each(['in a router', 'in a route'])(
  'inOrder continues %s where the first next() stopped at a second one',
  async (name) => {
    const make = (trace: string[]) => {
      const twice = step('a', (_req, _res, next) => {
        next();
        next();
      });
      return [twice, step('b', () => undefined), send].map((of) => of(trace));
    };
    const { plain, asOne } = MOUNTS[name] as { plain: Mount; asOne: Mount };
    const trace = await traceOf(asOne, make);
    expect(trace).toEqual(await traceOf(plain, make));
    expect(trace).toContain('send');
  },
);

test('inOrder keeps concurrent requests apart', async () => {
  const seen: string[] = [];
  const waits: RequestHandler = async (req, _res, next) => {
    await sleep(req.path === '/slow' ? 30 : 1);
    next();
  };
  const app = express().use(
    inOrder(waits, waits, (req, res) => {
      seen.push(req.path);
      res.end(req.path);
    }),
  );
  const [slow, quick] = await Promise.all([request(app).get('/slow'), request(app).get('/quick')]);
  expect([slow.text, quick.text]).toEqual(['/slow', '/quick']);
  expect(seen).toEqual(['/quick', '/slow']);
});

test.each([
  ['nothing', []],
  ['undefined', [undefined]],
  ['a string', ['handler']],
  ['an error handler', [(_error: unknown, _req: unknown, _res: unknown, _next: unknown) => undefined]],
])('inOrder rejects %s when it is called', (_name, handlers) => {
  expect(() => inOrder(...(handlers as unknown as RequestHandler[]))).toThrow(TypeError);
});
