export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Half of the interval that holds the median with a certainty of 95 % at least, whatever the distribution: of n values in
 * order those 0.98 √n places below and above the middle, rounded outwards. Of fewer than six there is none; it is half of all they span.
 *
 * @see W. J. Conover, Practical Nonparametric Statistics, "Confidence interval for a quantile"
 */
export function errorOfMedian(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const places = 0.98 * Math.sqrt(sorted.length);
  const low = Math.max(0, Math.floor(sorted.length / 2 - places) - 1);
  const high = Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + places));
  return (sorted[high] - sorted[low]) / 2;
}
