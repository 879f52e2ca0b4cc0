import { expect, test } from '@jest/globals';
import { Clock } from '../../../src/platform/supervisor/clock.ts';

test('the clock goes with time while it is ticked', () => {
  let time = 0;
  const clock = new Clock(1000, () => time);
  for (time = 1000; time <= 10_000; time += 1000) expect(clock.tick()).toBe(0);
  time = 10_500;
  expect(clock.now()).toBe(10_500);
});

test('a tick that is a little late is only late', () => {
  let time = 0;
  const clock = new Clock(1000, () => time);
  time = 2900;
  expect(clock.tick()).toBe(0);
  expect(clock.now()).toBe(2900);
});

test('the clock stands still while the process was suspended', () => {
  let time = 0;
  const clock = new Clock(1000, () => time);
  time = 61_000;
  expect(clock.isAsleep()).toBe(true);
  expect(clock.tick()).toBe(60_000);
  expect(clock.isAsleep()).toBe(false);
  expect(clock.now()).toBe(1000);
  time = 62_000;
  expect(clock.tick()).toBe(0);
  expect(clock.now()).toBe(2000);
});
