import { describe, expect, test } from '@jest/globals';
import { Failures, respawnDelayMs } from '../../../src/platform/supervisor/failures.ts';

const OPTIONS = { minUptimeMs: 10_000, limit: 10, random: () => 0 };

describe('the delay before a crashed worker is replaced', () => {
  test('is 0 the first time, then doubles from 0.1 s to 30 s', () => {
    const delays = Array.from({ length: 12 }, (_, index) => respawnDelayMs(index + 1, () => 0));
    expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('has up to a quarter of jitter', () => {
    expect(respawnDelayMs(4, () => 0.999)).toBeCloseTo(500, 0);
  });
});

describe('crashes', () => {
  test.each([1, 2, 4])('of %i slots that cannot start are at most 15 forks in 60 s', (slots) => {
    const failures = new Failures(OPTIONS);
    const bootMs = 50;
    let forks = 0;
    const due = Array.from({ length: slots }, () => 0);
    for (let now = 0; now <= 60_000; now += 10) {
      for (let slot = 0; slot < slots; slot++) {
        if (now < (due[slot] ?? 0) || now < failures.respawnAt(slot)) continue;
        forks += 1;
        failures.add('crash', slot, now + bootMs, 0);
        due[slot] = now + bootMs;
      }
    }
    expect(forks).toBeLessThanOrEqual(15);
  });

  test('after the minimum uptime are no streak: the replacement comes at once, each time', () => {
    const failures = new Failures(OPTIONS);
    for (let now = 0; now < 100_000; now += 12_000) {
      failures.add('crash', 0, now, 11_000);
      expect(failures.respawnAt(0)).toBe(0);
    }
  });

  test('are too many at the limit within a minute, and not when they are spread', () => {
    const quick = new Failures(OPTIONS);
    for (let count = 0; count < 9; count++) quick.add('crash', 0, count * 1000, 0);
    expect(quick.isLimitReached(9000)).toBe(false);
    quick.add('crash', 0, 9000, 0);
    expect(quick.isLimitReached(9000)).toBe(true);
    expect(quick.isLimitReached(61_000)).toBe(false);
    const slow = new Failures(OPTIONS);
    for (let count = 0; count < 50; count++) slow.add('crash', 0, count * 6700, 0);
    expect(slow.isLimitReached(50 * 6700)).toBe(false);
  });

  test('count no longer after a reset: the next try comes at once', () => {
    const failures = new Failures(OPTIONS);
    for (let count = 0; count < 9; count++) failures.add('crash', 0, 0, 0);
    expect(failures.respawnAt(0)).toBeGreaterThan(0);
    failures.reset();
    expect(failures.respawnAt(0)).toBe(0);
    failures.add('crash', 0, 20_000, 0);
    expect(failures.respawnAt(0)).toBe(20_000);
  });
});
