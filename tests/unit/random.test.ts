import { expect, test } from '@jest/globals';
import { createRandomSource } from '../../src/runtime/random.ts';

test('UUIDs are of version 4, and each is another, faster than more can be drawn', () => {
  const random = createRandomSource();
  const ids = Array.from({ length: 10_000 }, () => random.uuid());
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('every other bit of a UUID is drawn', () => {
  const random = createRandomSource();
  const seen = Array.from({ length: 36 }, () => new Set<string>());
  for (let i = 0; i < 500; i++) Array.from(random.uuid()).forEach((digit, at) => seen[at]?.add(digit));
  const fixed: Record<number, number> = { 8: 1, 13: 1, 14: 1, 18: 1, 19: 4, 23: 1 };
  expect(seen.map(({ size }) => size)).toEqual(seen.map((_, at) => fixed[at] ?? 16));
});

test('tokens have the length that was asked for, and none is given out twice', async () => {
  const random = createRandomSource();
  const tokens: string[] = [];
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 300; i++) tokens.push(random.token(24));
    // Now and then a draw comes in time, now and then it does not.
    if (round % 3 > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const token of tokens) expect(token).toMatch(/^[\w-]{32}$/);
  expect(new Set(tokens).size).toBe(tokens.length);
});
