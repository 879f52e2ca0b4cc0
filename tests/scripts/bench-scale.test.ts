import { describe, expect, test } from '@jest/globals';
import { scalesChart } from '../../bench/lib/chart-scale.mjs';
import { readOptions } from '../../bench/lib/options.mjs';
import { scalesTable, summarizeScales } from '../../bench/lib/report-scale.mjs';
import { planScales } from '../../bench/lib/scale.mjs';

describe('a run with --scale', () => {
  test('takes the scales that are asked for, each with the size that others are compared to', () => {
    const wanted = planScales(readOptions(['--scale', '--only=connections,cache-keys']));
    expect(wanted).toMatchObject([
      { id: 'connections', sizes: [1, 10, 100, 1000, 10_000], base: 1 },
      { id: 'cache-keys', sizes: [1, 10_000, 1_000_000], base: 10_000 },
    ]);
  });

  test('stays small with --quick', () => {
    for (const { sizes, base } of planScales(readOptions(['--scale', '--quick']))) {
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
      expect(new Set(sizes).size).toBe(sizes.length);
      expect(sizes).toContain(base);
    }
  });
});

describe('the report of --scale', () => {
  const scale = { id: 'routes', title: 'routes', what: 'routes', sizes: [1, 10, 100], base: 1 };

  /** A machine that is slower from turn to turn: the ratios stay the same. */
  function turns(ratio: number) {
    return [1, 2, 4].map((speed) => ({
      base: { micros: 50 * speed, redisMicros: 0 },
      own: { micros: 50 * speed * ratio, redisMicros: 5 * speed },
      baseBare: { micros: 25 * speed },
      ownBare: { micros: 25 * speed * ratio },
    }));
  }
  const sizes = [10, 100].map((size) => ({
    size,
    turns: turns(size === 10 ? 1.5 : 3),
    rss: { own: 100 + size, base: 100 },
  }));

  test('compares each size to the base of the same turn, and to bare Express with as many', () => {
    const measured = [{ scale: { ...scale, isBeside: true }, sizes }];
    const summary = summarizeScales(measured, { rounds: 3, quick: false });
    expect(summary.scales[0]?.sizes).toMatchObject([
      { size: 1, isBase: true, micros: 100, ratio: 1, redisMicros: 0, rssMib: 100, bare: { micros: 50 } },
      { size: 10, micros: 150, ratio: 1.5, ratioError: 0, redisMicros: 10, bare: { ratio: 1.5 } },
      { size: 100, micros: 300, ratio: 3, rssMib: 200, bare: { micros: 150 }, addedMicros: 150 },
    ]);
    expect(scalesTable(summary)).toMatch(/^\| routes: 100 \| +300\.0 \| +3\.00 \| 0\.00 \| +150\.0 \|/m);
  });

  test('has no column for what was not measured', () => {
    const summary = summarizeScales([{ scale, sizes }], { rounds: 3, quick: false });
    expect(scalesTable(summary)).toContain('Redis');
    expect(scalesTable(summary)).not.toContain('bare Express µs');
  });

  test('is drawn as a panel per scale', () => {
    const measured = [
      { scale, sizes },
      { scale: { ...scale, title: 'with bare Express', isBeside: true }, sizes },
    ];
    const svg = scalesChart(summarizeScales(measured, { rounds: 3, quick: false }));
    expect(svg.match(/<polyline/g)).toHaveLength(3);
    expect(svg).toContain('>with bare Express<');
    expect(svg).toContain('>3.00<');
    expect(svg).not.toContain('NaN');
  });
});
