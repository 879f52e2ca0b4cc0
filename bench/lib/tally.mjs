// What a client saw of the responses.

export function newTally() {
  return { statuses: {}, errors: 0, unsent: 0, times: [] };
}

/** Options of a connection that counts what it sees. */
export function tallyInto(seen, options) {
  return {
    ...options,
    onResponse: (status, ms) => {
      seen.statuses[status] = (seen.statuses[status] ?? 0) + 1;
      // Refusals are meant to be quick: only what was served says how long one waits.
      if (status < 300) seen.times.push(ms);
    },
    onError: () => seen.errors++,
  };
}

export function resultOf({ statuses, errors, unsent, times }, milliseconds) {
  const requests = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  times.sort((a, b) => a - b);
  const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
  return { requests, statuses, errors, unsent, milliseconds, p50: quantile(0.5), p99: quantile(0.99) };
}
