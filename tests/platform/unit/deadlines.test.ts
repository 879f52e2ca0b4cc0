import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Command } from 'ioredis';
import { Deadlines } from '../../../src/platform/redis/client.ts';

let late: number;
let deadlines: Deadlines;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'performance'] });
  late = 0;
  deadlines = new Deadlines(
    () => undefined,
    () => late++,
  );
});

afterEach(() => {
  jest.useRealTimers();
});

function watched(): { command: Command; error: () => unknown } {
  const command = new Command('get', ['key']);
  let error: unknown;
  command.promise.catch((thrown: unknown) => {
    error = thrown;
  });
  deadlines.watch(command);
  return { command, error: () => error };
}

test('a command without a response is given up after half a second, and the connection with it', async () => {
  const { error } = watched();
  await jest.advanceTimersByTimeAsync(450);
  expect([late, error()]).toEqual([0, undefined]);
  await jest.advanceTimersByTimeAsync(150);
  expect(late).toBe(1);
  expect(error()).toMatchObject({ message: 'Command timed out' });
});

test('one that has its response is not, and the others have their own time', async () => {
  const first = watched();
  await jest.advanceTimersByTimeAsync(300);
  const second = watched();
  first.command.resolve('value');
  await jest.advanceTimersByTimeAsync(350);
  expect([late, first.error(), second.error()]).toEqual([0, undefined, undefined]);
  await jest.advanceTimersByTimeAsync(250);
  expect([late, first.error()]).toEqual([1, undefined]);
  expect(second.error()).toBeInstanceOf(Error);
});

test('nothing runs while nothing is waited for', async () => {
  const { command } = watched();
  command.resolve('value');
  await jest.advanceTimersByTimeAsync(300);
  expect(jest.getTimerCount()).toBe(0);
  watched();
  expect(jest.getTimerCount()).toBe(1);
});

test('a pause of the process counts as one tick, however long it was', async () => {
  jest.useRealTimers();
  deadlines = new Deadlines(
    () => undefined,
    () => late++,
  );
  const { command, error } = watched();
  for (let pause = 0; pause < 3; pause++) {
    const until = performance.now() + 700;
    while (performance.now() < until);
    await sleep(1);
  }
  command.resolve('arrived during the last pause');
  await sleep(1);
  expect([late, error()]).toEqual([0, undefined]);
});
