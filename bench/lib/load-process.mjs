// The client process: gets a job from the harness, puts it on the server, and answers with what it saw.
import { Connection } from './client.mjs';
import { OPENED_AT_A_TIME, Pool } from './pool.mjs';
import { newTally, resultOf, tallyInto } from './tally.mjs';

/** By id. */
const pools = new Map();

process.on('message', async (job) => {
  process.send(await carryOut(job));
});
process.on('disconnect', () => process.exit());

function carryOut(job) {
  if (job.open) return openPool(job.open);
  if (job.close) return closePool(job.close);
  if (job.pool) return pools.get(job.pool).run(job);
  return job.rate ? openLoop(job) : closedLoop(job);
}

function openPool(options) {
  const pool = new Pool(options);
  pools.set(options.id, pool);
  return pool.open();
}

async function closePool(id) {
  await pools.get(id).close();
  pools.delete(id);
  return {};
}

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
  return resultOf(seen, performance.now() - begun);
}

/**
 * Requests at a fixed rate, as users send them: they do not wait for each other. Each takes a connection that is free,
 * up to `connections`; beyond those it has no way to the server and counts as unsent.
 */
async function openLoop({ port, request, connections, milliseconds, rate }) {
  const seen = newTally();
  const options = { ...tallyInto(seen, { port, request: Buffer.from(request) }), idle: true };
  const all = await openAll(connections, options);
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
  return resultOf(seen, performance.now() - begun);
}

/** Some at a time: a server's backlog has no room for thousands, and opening them is not what is measured. */
async function openAll(count, options) {
  const all = [];
  while (all.length < count) {
    const length = Math.min(OPENED_AT_A_TIME, count - all.length);
    const some = Array.from({ length }, () => new Connection(options));
    await Promise.all(some.map(({ opened }) => opened));
    all.push(...some);
  }
  return all;
}
