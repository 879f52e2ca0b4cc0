// The client process: gets a job from the harness, puts it on the server, and answers with what it saw.
import { Connection } from './client.mjs';

process.on('message', async (job) => {
  process.send(job.rate ? await openLoop(job) : await closedLoop(job));
});
process.on('disconnect', () => process.exit());

/** Each connection sends as soon as it is answered: the server is never idle, and never gets more than it takes. */
async function closedLoop({ port, request, connections, milliseconds, requests = Infinity }) {
  const seen = newTally();
  let sent = 0;
  const all = [];
  const stop = () => all.forEach((connection) => connection.stop());
  const options = tallyInto(seen, { port, request: Buffer.from(request) });
  const count = options.onResponse;
  options.onResponse = (status, ms) => {
    count(status, ms);
    if (++sent === requests) stop();
  };
  const begun = performance.now();
  while (all.length < connections) all.push(new Connection(options));
  const timer = setTimeout(stop, milliseconds);
  await Promise.all(all.map(({ done }) => done));
  clearTimeout(timer);
  return result(seen, performance.now() - begun);
}

/**
 * Requests at a fixed rate, as users send them: they do not wait for each other. Each takes a connection that is free,
 * up to `connections`; beyond those it has no way to the server and counts as unsent.
 */
async function openLoop({ port, request, connections, milliseconds, rate }) {
  const seen = newTally();
  const options = { ...tallyInto(seen, { port, request: Buffer.from(request) }), idle: true };
  const all = Array.from({ length: connections }, () => new Connection(options));
  const begun = performance.now();
  let due = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - begun;
      if (elapsed > milliseconds) {
        clearInterval(timer);
        resolve();
        return;
      }
      for (; due < (elapsed / 1000) * rate; due++) {
        const free = all.find(({ isBusy }) => !isBusy);
        if (free) free.send();
        else seen.unsent++;
      }
    }, 1);
  });
  all.forEach((connection) => connection.stop());
  await Promise.all(all.map(({ done }) => done));
  return result(seen, performance.now() - begun);
}

function newTally() {
  return { statuses: {}, errors: 0, unsent: 0, times: [] };
}

function tallyInto(seen, options) {
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

function result({ statuses, errors, unsent, times }, milliseconds) {
  const requests = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  times.sort((a, b) => a - b);
  const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
  return { requests, statuses, errors, unsent, milliseconds, p50: quantile(0.5), p99: quantile(0.99) };
}
