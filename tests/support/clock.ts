import { jest } from '@jest/globals';

/** All that jest could stop beside Date and performance: what really waits for something goes on. */
const REAL = [
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'hrtime',
  'nextTick',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
] as const;

/** A clock (Date and performance) that stands still until the test moves it, however slow the machine is. */
export const clock = {
  stop(): void {
    jest.useFakeTimers({ doNotFake: [...REAL] });
  },
  /** @param ms - how far, in milliseconds. */
  advance(ms: number): void {
    jest.advanceTimersByTime(ms);
  },
  restore(): void {
    jest.useRealTimers();
  },
};

let ahead = 0;

/** Time (Date and performance) that runs, and can be moved ahead; timers are not affected. */
export const time = {
  start(): void {
    const [sinceStart, sinceEpoch] = [performance.now.bind(performance), Date.now.bind(Date)];
    jest.spyOn(performance, 'now').mockImplementation(() => sinceStart() + ahead);
    jest.spyOn(Date, 'now').mockImplementation(() => sinceEpoch() + ahead);
  },
  /** @param ms - how much time passes at once, in milliseconds. */
  pass(ms: number): void {
    ahead += ms;
  },
  restore(): void {
    jest.restoreAllMocks();
    ahead = 0;
  },
};
