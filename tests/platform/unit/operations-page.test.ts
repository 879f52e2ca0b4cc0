import { describe, expect, test } from '@jest/globals';
import {
  fromCpuProfile,
  fromHeapProfile,
  layOut,
  matches,
  sumOfMatches,
  topFunctions,
  type Frame,
} from '../../../src/platform/operations/page/flame-tree.js';
import {
  bytes,
  clock,
  cores,
  count,
  duration,
  milliseconds,
  percent,
  rate,
  withoutZeros,
} from '../../../src/platform/operations/page/format.js';
import { compareBy } from '../../../src/platform/operations/page/table.js';

describe('numbers', () => {
  test.each([
    [count(1234.4), '1,234'],
    [rate(0), '0/s'],
    [rate(0.256), '0.26/s'],
    [rate(12.34), '12.3/s'],
    [rate(1234.5), '1,235/s'],
    [cores(1), '1.00 core'],
    [cores(0.347), '0.35 cores'],
    [percent(0), '0 %'],
    [percent(0.0123), '1.2 %'],
    [percent(0.934), '93 %'],
    [percent(1), '100 %'],
    [milliseconds(0.42), '0.42 ms'],
    [milliseconds(999), '999 ms'],
    [milliseconds(1500), '1.50 s'],
    [bytes(0), '0 B'],
    [bytes(1023), '1,023 B'],
    [bytes(99.97), '100 B'],
    [bytes(1536), '1.50 kB'],
    [bytes(512 * 1024 ** 2), '512 MB'],
    [bytes(3 * 1024 ** 5), '3,072 TB'],
    [duration(0), '0 s'],
    [duration(62), '1 min 2 s'],
    [duration(3600), '1 h'],
    [duration(93_784), '1 d 2 h'],
  ])('have their unit: %s', (text, expected) => {
    expect(text).toBe(expected);
  });

  test.each([count, rate, cores, percent, milliseconds, bytes, duration])(
    'that are missing are a dash',
    (format) => {
      expect([format(null), format(undefined), format(NaN)]).toEqual(['–', '–', '–']);
    },
  );

  test.each([
    ['20.0 ms', '20 ms'],
    ['0.50/s', '0.5/s'],
    ['1,000 MB', '1,000 MB'],
    ['100 %', '100 %'],
    ['2.00 cores', '2 cores'],
  ])('lose the zeros behind the point on an axis: %s', (text, expected) => {
    expect(withoutZeros(text)).toBe(expected);
  });

  test('of a clock have the date on another day only', () => {
    const now = new Date(2026, 0, 2, 9, 5, 7).getTime();
    expect(clock(now, now)).toBe('09:05:07');
    expect(clock(now - 86_400_000, now)).toBe('2026-01-01 09:05:07');
  });
});

describe('sorting', () => {
  const sorted = (values: (number | string | null)[], isDescending: boolean) =>
    values
      .map((value) => ({ value }))
      .sort(compareBy((row) => row.value, isDescending))
      .map((row) => row.value);

  test('orders numbers by size and words by letters', () => {
    expect(sorted([10, 9, 100], false)).toEqual([9, 10, 100]);
    expect(sorted([10, 9, 100], true)).toEqual([100, 10, 9]);
    expect(sorted(['/b', '/a10', '/a9'], false)).toEqual(['/a9', '/a10', '/b']);
  });

  test.each([false, true])('puts what is missing last (descending: %s)', (isDescending) => {
    expect(sorted([null, 1, null, 2], isDescending).slice(2)).toEqual([null, null]);
  });
});

const frameOf = (functionName: string, url = 'file:///srv/app/dist/features/a.js', lineNumber = 9) => ({
  functionName,
  url,
  lineNumber,
  columnNumber: 1,
});

/** `(root)` calls `handle`, which V8 lists twice, and `handle` calls `parse`; the rest of the time is idle. */
const cpuProfile = {
  nodes: [
    { id: 1, callFrame: frameOf('(root)', '', -1), children: [2, 3, 5] },
    { id: 2, callFrame: frameOf('handle'), children: [4] },
    { id: 3, callFrame: frameOf('handle') },
    { id: 4, callFrame: frameOf('parse', 'file:///srv/app/node_modules/qs/lib/parse.js', 4) },
    { id: 5, callFrame: frameOf('(idle)', '', -1) },
  ],
  samples: [2, 4, 3, 5],
  timeDeltas: [0, 1000, 2000, 4000],
  startTime: 0,
  endTime: 12_000,
};

describe('the tree of a CPU profile', () => {
  const { root, unit, recordedMs } = fromCpuProfile(cpuProfile);
  const [handle] = root.children;

  test('gives each sample the time until the next one, and leaves idle time out', () => {
    expect({ unit, recordedMs, total: root.total }).toEqual({ unit: 'ms', recordedMs: 12, total: 7 });
  });

  test('merges the calls of one function from one caller', () => {
    expect(root.children).toHaveLength(1);
    expect(handle).toMatchObject({
      name: 'handle',
      self: 5,
      total: 7,
      kind: 'app',
      place: 'dist/features/a.js:10',
    });
  });

  test('has the file and line, and whose code it is', () => {
    expect(handle?.children).toMatchObject([
      { name: 'parse', self: 2, total: 2, kind: 'package', place: 'node_modules/qs/lib/parse.js:5' },
    ]);
  });

  test.each([
    ['file:///srv/app/src/platform/http/route.ts', 'platform', 'src/platform/http/route.ts:1'],
    ['file:///home/me/src/app/dist/features/a.js', 'app', 'dist/features/a.js:1'],
    ['file:///srv/app/node_modules/v/dist/index.mjs', 'package', 'node_modules/v/dist/index.mjs:1'],
    ['node:internal/timers', 'node', 'node:internal/timers:1'],
    ['', 'engine', ''],
  ])('finds whose code it is by its URL: %s', (url, kind, place) => {
    const nodes = [
      { id: 1, callFrame: frameOf('(root)', ''), children: [2] },
      { id: 2, callFrame: frameOf('f', url, 0) },
    ];
    const { root: tree } = fromCpuProfile({ ...cpuProfile, nodes, samples: [2] });
    expect(tree.children).toMatchObject([{ kind, place }]);
  });

  test('takes a clock that goes back for no time', () => {
    const { root: odd } = fromCpuProfile({ ...cpuProfile, timeDeltas: [0, 1000, -500, 4000] });
    expect(odd.total).toBe(5);
  });

  test('is empty where nothing was sampled', () => {
    const { root: empty } = fromCpuProfile({ ...cpuProfile, samples: [], timeDeltas: [] });
    expect([empty.total, empty.children, layOut(empty), topFunctions(empty)]).toEqual([0, [], [], []]);
  });
});

test('the tree of a heap profile adds up what is in use, in bytes', () => {
  const leaf = { callFrame: frameOf('concat'), selfSize: 300, children: [] };
  const head = {
    callFrame: frameOf('(root)', ''),
    selfSize: 0,
    children: [leaf, { ...leaf, selfSize: 200 }],
  };
  const { root, unit } = fromHeapProfile({ head });
  expect(unit).toBe('bytes');
  expect(root).toMatchObject({ total: 500, children: [{ name: 'concat', self: 500 }] });
});

/** @returns a frame of self time 1 per call. */
function frame(name: string, children: Frame[] = []): Frame {
  const total = children.reduce((sum, child) => sum + child.total, 1);
  return { key: name, name, place: '', kind: 'app', self: 1, total, children };
}

describe('the layout', () => {
  const [small, large] = [frame('small'), frame('large', [frame('deep')])];
  const root = { ...frame('', [large, small]), self: 0, total: 3 };

  test('puts each call below its caller, as wide as its share', () => {
    const boxes = layOut(root).map(({ frame: { name }, depth, left, width }) => [name, depth, left, width]);
    expect(boxes).toEqual([
      ['', 0, 0, 1],
      ['large', 1, 0, 2 / 3],
      ['deep', 2, 0, 1 / 3],
      ['small', 1, 2 / 3, 1 / 3],
    ]);
  });

  test('fills the width with the zoomed frame and its callers', () => {
    const boxes = layOut(root, [large]).map(({ frame: { name }, isCaller, width }) => [
      name,
      isCaller,
      width,
    ]);
    expect(boxes).toEqual([
      ['', true, 1],
      ['large', undefined, 1],
      ['deep', undefined, 0.5],
    ]);
  });

  test('leaves out what is narrower than a pixel, with all below it', () => {
    const wide = Array.from({ length: 20_000 }, (_, index) => frame(`f${index}`));
    const total = wide.length;
    expect(layOut({ ...root, total, children: wide }, [], 1 / 1000)).toHaveLength(1);
    expect(layOut({ ...root, total, children: wide }, [], 1 / total)).toHaveLength(total + 1);
  });
});

describe('the top functions', () => {
  const recursive = frame('walk', [frame('walk', [frame('leaf')])]);
  const root = { ...frame('', [recursive]), self: 0, total: 3 };

  test('count a recursive call once in the total', () => {
    expect(topFunctions(root)).toMatchObject([
      { name: 'walk', self: 2, total: 3 },
      { name: 'leaf', self: 1, total: 1 },
    ]);
  });

  test('are as many as asked for', () => {
    expect(topFunctions(root, 1).map(({ name }) => name)).toEqual(['walk']);
  });

  test('are found by a part of their name or file, matches within a match counted once', () => {
    expect(matches({ name: 'walk', place: 'src/a.ts:1' }, 'A.TS')).toBe(true);
    expect(matches({ name: 'walk', place: 'src/a.ts:1' }, '')).toBe(false);
    expect([sumOfMatches(root, 'walk'), sumOfMatches(root, 'leaf'), sumOfMatches(root, 'none')]).toEqual([
      3, 1, 0,
    ]);
  });
});
