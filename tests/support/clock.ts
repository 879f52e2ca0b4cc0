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
