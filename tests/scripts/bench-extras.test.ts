import { expect, test } from '@jest/globals';
import { extraRows } from '../../bench/lib/extras.mjs';

test('what is served under overload is a share of capacity, and has a bar to reach, as the wait has', () => {
  const alone = { p50: 280.4, p99: 521.2, capacity: 330, servedPerSecond: 297, refusedPerSecond: 660 };
  expect(extraRows({ overload: { alone, unprotected: { ...alone, p99: 17_000 } } })).toMatchObject([
    { value: '521 ms (median 280)', ratio: 521.2, most: 600 },
    { value: '90 % (297/s of 330; 660/s refused)', ratio: 90, least: 95 },
    { value: '17000 ms (median 280); 90 % (297/s of 330; 660/s refused)' },
  ]);
});
