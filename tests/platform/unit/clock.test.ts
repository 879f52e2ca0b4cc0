import { beforeEach, describe, expect, test } from '@jest/globals';
import { Loop } from '../../../src/platform/supervisor/loop.ts';

let time = 0;
let rounds = 0;
let suspensions: number[] = [];

function createLoop(): Loop {
  return new Loop({
    run: () => (rounds += 1),
    resumed: (ms) => suspensions.push(ms),
    monotonicMs: () => time,
  });
}

beforeEach(() => {
  time = 0;
  rounds = 0;
  suspensions = [];
});

describe("the loop's clock", () => {
  test('goes with time while it ticks', () => {
    const loop = createLoop();
    for (time = 200; time <= 10_000; time += 200) loop.tick();
    time = 10_100;
    expect([loop.now, rounds, suspensions]).toEqual([10_100, 50, []]);
  });

  test('goes on when a tick is late', () => {
    const loop = createLoop();
    time = 2100;
    loop.tick();
    expect([loop.now, rounds, suspensions]).toEqual([2100, 1, []]);
  });

  test('stands still while the process is suspended, and no round runs until it is corrected', () => {
    const loop = createLoop();
    time = 60_200;
    loop.run();
    expect(rounds).toBe(0);
    loop.tick();
    expect([loop.now, rounds, suspensions]).toEqual([200, 0, [60_000]]);
    time = 60_400;
    loop.tick();
    expect([loop.now, rounds]).toEqual([400, 1]);
  });
});
