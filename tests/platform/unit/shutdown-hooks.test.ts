import { expect, test } from '@jest/globals';
import { runHooks, type NamedHook, type ShutdownHook } from '../../../src/platform/lifecycle/shutdown.ts';
import { createLogger } from '../../../src/platform/observability/logger.ts';
import { LogLines } from '../../support/http.ts';

function hooksWithLog() {
  const log = new LogLines();
  const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
  const list: NamedHook[] = [];
  const hooks = {
    add: (name: string, hook: ShutdownHook) => list.push([name, hook]),
    run: (timeoutMs: number) => runHooks(list, AbortSignal.timeout(timeoutMs), logger),
  };
  return { log, hooks };
}

test('runs the hooks one after the other, the last one added first', async () => {
  const { hooks } = hooksWithLog();
  const order: string[] = [];
  for (const name of ['database', 'queue', 'jobs']) {
    hooks.add(name, async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
    });
  }
  expect(await hooks.run(10_000)).toBe(true);
  expect(order).toEqual([
    'jobs begins',
    'jobs ends',
    'queue begins',
    'queue ends',
    'database begins',
    'database ends',
  ]);
});

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
  ],
  ['rejects', () => Promise.reject(new Error('broken'))],
])('logs a hook that %s, and runs the others', async (_how, broken) => {
  const { hooks, log } = hooksWithLog();
  let isClosed = false;
  hooks.add('database', () => {
    isClosed = true;
  });
  hooks.add('queue', broken);
  expect(await hooks.run(10_000)).toBe(false);
  expect(isClosed).toBe(true);
  expect(log.lines).toEqual([
    expect.objectContaining({
      name: 'queue',
      msg: 'shutdown hook failed',
      err: expect.anything() as unknown,
    }),
  ]);
});

test('leaves a hook that never ends at the deadline, and gives those after it one turn', async () => {
  const { hooks, log } = hooksWithLog();
  const aborted: boolean[] = [];
  hooks.add('also stuck', () => new Promise(() => undefined));
  hooks.add('quick', (signal) => {
    aborted.push(signal.aborted);
  });
  hooks.add('stuck', (signal) => {
    signal.addEventListener('abort', () => aborted.push(signal.aborted));
    return new Promise(() => undefined);
  });
  expect(await hooks.run(20)).toBe(false);
  expect(aborted).toEqual([true, true]);
  expect(log.lines.map(({ name, msg }) => [name, msg])).toEqual([
    ['stuck', 'shutdown hook took too long'],
    ['also stuck', 'shutdown hook took too long'],
  ]);
});

test('finds nothing left to do in a second run', async () => {
  const { hooks } = hooksWithLog();
  let runs = 0;
  hooks.add('database', () => ++runs);
  await hooks.run(10_000);
  expect(await hooks.run(0)).toBe(true);
  expect(runs).toBe(1);
});
