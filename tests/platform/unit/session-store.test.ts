import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { readSession, sessionAges } from '../../../src/platform/sessions/session-store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const agesAt = (now: number, SESSION_IDLE_MINUTES = 30) =>
  sessionAges({ SESSION_IDLE_MINUTES, SESSION_ABSOLUTE_HOURS: 12 }, () => now);

describe('a session', () => {
  test.each([
    ['just begun', 0, 0, 0, 30 * 60],
    ['unused for less than the idle time', 0, 0, 30 * MINUTE - 1, 1],
    ['unused for the idle time', 0, 0, 30 * MINUTE, 0],
    ['in use', 0, 11 * HOUR, 11 * HOUR, 30 * 60],
    ['in use near its end', 0, 11.9 * HOUR, 11.9 * HOUR, 6 * 60],
    ['in use past its end', 0, 12 * HOUR, 12 * HOUR, 0],
  ])('%s', (_name, createdAt, seenAt, now, secondsLeft) => {
    expect(agesAt(now).secondsLeft({ createdAt, seenAt })).toBe(secondsLeft);
  });

  test.each([
    ['a tenth of the idle time', 30, 3 * MINUTE],
    ['five minutes where that is longer', 600, 5 * MINUTE],
  ])('is written at most every %s', (_name, idleMinutes, dueMs) => {
    expect(agesAt(dueMs - 1, idleMinutes).isDue({ seenAt: 0 })).toBe(false);
    expect(agesAt(dueMs, idleMinutes).isDue({ seenAt: 0 })).toBe(true);
  });
});

describe('what is read from a storage', () => {
  const fields = v.object({ visits: v.optional(v.number()) });

  test('is a session whatever cookie express-session wrote', () => {
    for (const cookie of [
      { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
      { originalMaxAge: 1800000, expires: '2026-01-01T00:00:00.000Z', secure: true, sameSite: 'lax' },
    ]) {
      const data = { cookie, createdAt: 1, seenAt: 2 };
      expect(readSession(JSON.stringify(data), fields)).toEqual(data);
    }
  });

  test('is a session if it has its times and its cookie, whatever else is in it', () => {
    const data = { cookie: {}, createdAt: 1, seenAt: 2, visits: 3, ofANewerVersion: true };
    expect(readSession(JSON.stringify(data), fields)).toEqual(data);
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
    ['{"cookie":{},"createdAt":1,"seenAt":2,"user":"ada"}'],
    ['{"cookie":{},"createdAt":1,"seenAt":2,"visits":"many"}'],
  ])('is none if it is %p', (json) => {
    expect(readSession(json, fields)).toBeUndefined();
  });
});
