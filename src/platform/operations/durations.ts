/** Each bucket's bound is a fifth above the one before: from 0.1 ms to more than a minute. */
const FIRST_MS = 0.1;
const GROWTH = 1.2;
export const BUCKETS = 76;

/** The bucket of a duration. */
export function bucketOf(ms: number): number {
  const index = Math.ceil(Math.log(ms / FIRST_MS) / Math.log(GROWTH));
  return Math.max(0, Math.min(BUCKETS - 1, index));
}

/**
 * The duration that a share of all did not exceed, within 10 %; from the counts per bucket.
 *
 * @param share - 0 to 1.
 * @param slowestMs - the longest of all, where it is known.
 * @returns milliseconds; null where nothing was counted.
 */
export function percentile(counts: Uint32Array, share: number, slowestMs = Infinity): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(total * share));
  const index = counts.findIndex((count) => (left -= count) <= 0);
  return Math.min(slowestMs, Number((FIRST_MS * GROWTH ** (index - 0.5)).toPrecision(3)));
}
