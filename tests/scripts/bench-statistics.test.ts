import { describe, expect, test } from '@jest/globals';
import { errorOfMedian, median } from '../../bench/lib/statistics.mjs';

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1).toReversed();

test.each([
  [[3], 3],
  [[9, 1, 2], 2],
  [[4, 1, 100, 2], 3],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

// The ranks are those of tables of the sign test: of 20 values the 6th and the 15th, of 70 the 27th and the 44th.
describe('the error of a median', () => {
  test.each([
    [2, 1, 2],
    [6, 1, 6],
    [20, 6, 15],
    [70, 27, 44],
  ])(
    'of %d values in order reaches at least from the %dth to the %dth, and one further at most',
    (n, low, high) => {
      const error = errorOfMedian(upTo(n));
      expect(error).toBeGreaterThanOrEqual((high - low) / 2);
      expect(error).toBeLessThanOrEqual((high - low) / 2 + 1);
    },
  );

  test('does not look at how far off the outliers are', () => {
    expect(errorOfMedian([...upTo(30), 1e9, -1e9])).toBeLessThan(10);
  });
});
