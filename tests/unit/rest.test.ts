import { describe, expect, test } from '@jest/globals';
import { Rest, type RestSample } from '../../src/runtime/rest.ts';

const MIB = 1024 ** 2;
const idle: RestSample = { utilization: 0.01, inFlight: 0, rssBytes: 280 * MIB };
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
  test('collects after the time given, and gives the pages back one look later', () => {
    const said = steps(new Rest(1.5), [idle, idle, idle, { ...idle, rssBytes: 250 * MIB }]);
    expect(said).toEqual([undefined, undefined, 'collect', 'release']);
  });

  test('does not collect again for what little came since', () => {
    const rest = new Rest(0.5);
    steps(rest, [idle, idle]);
    expect(steps(rest, Array<RestSample>(50).fill({ ...idle, rssBytes: 115 * MIB }))).not.toContain(
      'collect',
    );
  });

  test('collects again after the next load', () => {
    const rest = new Rest(0.5);
    steps(rest, [idle, idle]);
    expect(steps(rest, [busy, idle, idle])).toEqual([undefined, 'collect', 'release']);
  });

  test('does not collect where a collection before left as much', () => {
    const rest = new Rest(0.5);
    expect(steps(rest, [idle, idle, busy, idle, idle], 275 * MIB)).toEqual([
      'collect',
      'release',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('a process that does something', () => {
  test('is left alone while its event loop is busy', () => {
    expect(steps(new Rest(0.5), Array<RestSample>(20).fill(busy))).toEqual(Array(20).fill(undefined));
  });

  test('is left alone while requests come', () => {
    const samples = Array.from({ length: 20 }, (_, look) => ({ ...idle, inFlight: look + 1 }));
    expect(steps(new Rest(0.5), samples)).toEqual(Array(20).fill(undefined));
  });

  test('rests, however many event streams are open', () => {
    const streaming = { ...idle, inFlight: 300 };
    expect(steps(new Rest(1), [streaming, streaming, streaming])).toEqual([undefined, undefined, 'collect']);
  });

  test('begins to rest anew each time it was busy', () => {
    expect(steps(new Rest(1), [idle, busy, idle, busy, idle, idle])).toEqual([
      ...Array<undefined>(5).fill(undefined),
      'collect',
    ]);
  });

  test('does not pay for the second step when a request came after the first', () => {
    const rest = new Rest(0.5);
    expect(
      steps(rest, [idle, { ...idle, inFlight: 1 }, { ...idle, inFlight: 1, rssBytes: 110 * MIB }]),
    ).toEqual(['collect', undefined, undefined]);
  });
});
