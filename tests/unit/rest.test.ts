import { describe, expect, test } from '@jest/globals';
import { Rest, type RestSample } from '../../src/runtime/rest.ts';

const MIB = 1024 ** 2;
const idle: RestSample = { utilization: 0.01, rssBytes: 280 * MIB };
const busy: RestSample = { ...idle, utilization: 0.4 };

/** What it says to each of the samples; steps are done as they come, and leave the memory given. */
function steps(rest: Rest, samples: readonly RestSample[], left = 100 * MIB): (string | undefined)[] {
  return samples.map((sample) => {
    const step = rest.next(sample);
    if (step !== undefined) rest.done(step, left);
    return step;
  });
}

describe('a process that rests', () => {
  test('collects, and gives the pages back one look later', () => {
    expect(steps(new Rest(), [idle, { ...idle, rssBytes: 250 * MIB }])).toEqual(['collect', 'release']);
  });

  test('does not collect again for what little came since', () => {
    const rest = new Rest();
    steps(rest, [idle, idle]);
    const little = Array<RestSample>(50).fill({ ...idle, rssBytes: 115 * MIB });
    expect(steps(rest, little)).toEqual(Array(50).fill(undefined));
  });

  test('collects again after the next load', () => {
    const rest = new Rest();
    steps(rest, [idle, idle]);
    expect(steps(rest, [busy, idle, idle])).toEqual([undefined, 'collect', 'release']);
  });

  test('does not collect where a collection before left as much', () => {
    expect(steps(new Rest(), [idle, idle, busy, idle, idle], 275 * MIB)).toEqual([
      'collect',
      'release',
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('gives the pages back later when something came between the steps', () => {
    expect(steps(new Rest(), [idle, busy, busy, idle])).toEqual(['collect', undefined, undefined, 'release']);
  });
});

test('a process that is busy is left alone, whatever it holds', () => {
  expect(steps(new Rest(), Array<RestSample>(20).fill(busy))).toEqual(Array(20).fill(undefined));
});
