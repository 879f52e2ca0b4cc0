import { inRounds, makeReady, run } from './measure.mjs';

/** How long one of two that take turns is measured before the other is, in milliseconds. */
const TURN_MS = 250;

/**
 * Measures each row in short turns with the row it is compared to (`on`). What a layer adds may be a hundredth of a
 * request, and a machine that others work on too is slower by more than that from one second to the next.
 *
 * @returns for each row but bare Express, by id: the other row, and of each round the CPU microseconds a request of both.
 */
export async function measureLayers(rows, context) {
  const jobs = await makeReady(rows, context);
  const byId = new Map(jobs.map((job) => [job.row.id, job]));
  const compared = jobs.filter(({ row }) => row.on);
  await inRounds(compared, context, async (job) => {
    job.rounds.push(await takeTurns(byId.get(job.row.on), job, context));
  });
  return new Map(compared.map(({ row, rounds }) => [row.id, { on: row.on, rounds }]));
}

async function takeTurns(base, job, { load, milliseconds }) {
  const turns = Math.max(1, Math.round(milliseconds / 2 / TURN_MS));
  const sums = { base: newSum(), with: newSum() };
  for (let turn = 0; turn < turns; turn++) {
    add(sums.base, await run(base, load, milliseconds / 2 / turns));
    add(sums.with, await run(job, load, milliseconds / 2 / turns));
  }
  return { micros: microsOf(sums.with), baseMicros: microsOf(sums.base) };
}

function newSum() {
  return { requests: 0, cpuMicros: 0 };
}

function add(sum, { requests, cpuMicros }) {
  sum.requests += requests;
  sum.cpuMicros += cpuMicros;
}

function microsOf({ requests, cpuMicros }) {
  return cpuMicros / requests;
}
