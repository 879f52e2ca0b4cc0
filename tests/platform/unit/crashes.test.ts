import { describe, expect, test } from '@jest/globals';
import { Crashes, respawnDelayMs } from '../../../src/platform/supervisor/crashes.ts';

const RULES = { minUptimeMs: 10_000, limit: 10, random: () => 0 };

describe('the delay before a crashed worker is replaced', () => {
  test('is nothing the first time, then doubles from 0.1 s to 30 s', () => {
    const delays = Array.from({ length: 12 }, (_, index) => respawnDelayMs(index + 1, () => 0));
    expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('is up to a quarter longer by chance', () => {
    expect(respawnDelayMs(4, () => 0.999)).toBeCloseTo(500, 0);
  });
});

describe('crashes', () => {
  test.each([1, 2, 4])('of %i slots that can not live are at most 15 forks in 60 s', (slots) => {
    const crashes = new Crashes(RULES);
    const bootMs = 50;
    let forks = 0;
    const due = Array.from({ length: slots }, () => 0);
    for (let now = 0; now <= 60_000; now += 10) {
      for (let slot = 0; slot < slots; slot++) {
        if (now < (due[slot] ?? 0) || now < crashes.respawnAt(slot)) continue;
        forks += 1;
        crashes.note(slot, now + bootMs, 0);
        due[slot] = now + bootMs;
      }
    }
    expect(forks).toBeLessThanOrEqual(15);
  });

  test('after a long life are no streak: the replacement comes at once, each time', () => {
    const crashes = new Crashes(RULES);
    for (let now = 0; now < 100_000; now += 12_000) {
      crashes.note(0, now, 11_000);
      expect(crashes.respawnAt(0)).toBe(0);
    }
  });

  test('are too many at the limit within a minute, and not when they are spread', () => {
    const quick = new Crashes(RULES);
    for (let count = 0; count < 9; count++) quick.note(0, count * 1000, 0);
    expect(quick.tooMany(9000)).toBe(false);
    quick.note(0, 9000, 0);
    expect(quick.tooMany(9000)).toBe(true);
    expect(quick.tooMany(61_000)).toBe(false);
    const slow = new Crashes(RULES);
    for (let count = 0; count < 50; count++) slow.note(0, count * 6700, 0);
    expect(slow.tooMany(50 * 6700)).toBe(false);
  });

  test('are forgotten when all have served for the minimum uptime, not before', () => {
    const crashes = new Crashes(RULES);
    for (let count = 0; count < 5; count++) crashes.note(0, 0, 0);
    crashes.allServing(9999, 0);
    expect(crashes.respawnAt(0)).toBeGreaterThan(0);
    crashes.allServing(10_000, 0);
    expect(crashes.respawnAt(0)).toBe(0);
    crashes.note(0, 20_000, 0);
    expect(crashes.respawnAt(0)).toBe(20_000);
  });

  test('are forgiven when a person asks for something', () => {
    const crashes = new Crashes(RULES);
    for (let count = 0; count < 9; count++) crashes.note(0, 0, 0);
    crashes.forgive();
    expect(crashes.respawnAt(0)).toBe(0);
  });
});
