import { describe, expect, test } from '@jest/globals';
import { readSession, sessionAges } from '../../../src/platform/sessions/session-data.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const agesAt = (now: number, SESSION_IDLE_MINUTES = 30) =>
  sessionAges({ SESSION_IDLE_MINUTES, SESSION_ABSOLUTE_HOURS: 12 }, () => now);

describe('a session', () => {
  test.each([
    ['just begun', 0, 0, 0, false, 30 * 60],
    ['unused for less than the idle time', 0, 0, 30 * MINUTE - 1, false, 1],
    ['unused for the idle time', 0, 0, 30 * MINUTE, true, 0],
    ['in use', 0, 11 * HOUR, 11 * HOUR, false, 30 * 60],
    ['in use near its end', 0, 11.9 * HOUR, 11.9 * HOUR, false, 6 * 60],
    ['in use past its end', 0, 12 * HOUR, 12 * HOUR, true, 0],
  ])('%s', (_name, createdAt, seenAt, now, isOver, secondsLeft) => {
    const ages = agesAt(now);
    expect(ages.isOver({ createdAt, seenAt })).toBe(isOver);
    expect(ages.secondsLeft({ createdAt, seenAt })).toBe(secondsLeft);
  });

  test.each([
    ['a tenth of the idle time', 30, 3 * MINUTE],
    ['five minutes where that is longer', 600, 5 * MINUTE],
  ])('is written at most every %s', (_name, idleMinutes, dueMs) => {
    const times = { createdAt: 0, seenAt: 0 };
    expect(agesAt(dueMs - 1, idleMinutes).isDue(times)).toBe(false);
    expect(agesAt(dueMs, idleMinutes).isDue(times)).toBe(true);
  });
});

describe('what is read from a store', () => {
  test('is a session whatever cookie express-session wrote', () => {
    for (const cookie of [
      { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
      { originalMaxAge: 1800000, expires: '2026-01-01T00:00:00.000Z', secure: true, sameSite: 'lax' },
    ]) {
      const data = { cookie, createdAt: 1, seenAt: 2 };
      expect(readSession(JSON.stringify(data))).toEqual(data);
    }
  });

  test('is a session if it has its times and its cookie', () => {
    const data = { cookie: {}, createdAt: 1, seenAt: 2, visits: 3 };
    expect(readSession(JSON.stringify(data))).toEqual(data);
  });

  test.each([
    [''],
    ['{'],
    ['null'],
    ['1'],
    ['[]'],
    ['{"cookie":{}}'],
    ['{"createdAt":1,"seenAt":2}'],
    ['{"cookie":null,"createdAt":1,"seenAt":2}'],
    ['{"cookie":{},"createdAt":"1","seenAt":"2"}'],
    ['{"cookie":{"originalMaxAge":{}},"createdAt":1,"seenAt":2}'],
    ['{"cookie":{"expires":{"a":1}},"createdAt":1,"seenAt":2}'],
    ['{"cookie":{"expires":"soon"},"createdAt":1,"seenAt":2}'],
    ['{"cookie":{"expires":1},"createdAt":1,"seenAt":2}'],
    ['{"cookie":{"maxAge":"x"},"createdAt":1,"seenAt":2}'],
    ['{"cookie":{"path":[]},"createdAt":1,"seenAt":2}'],
  ])('is none if it is %p', (json) => {
    expect(readSession(json)).toBeUndefined();
  });
});
