import { prepareAll, run, warmUp } from './measure.mjs';

/** How long one row is measured before it is the next one's turn, in milliseconds. */
const TURN_MS = 250;

/**
 * Measures a layer, and the usual package, in short turns with what it is compared to. What a layer adds may be
 * a hundredth of a request: a machine that others work on too is slower by more than that from one second to the next.
 * So is, for its first second, a process that has waited for its turn for a minute.
 *
 * @param plan - one of `planLayers`.
 * @returns of each round the CPU microseconds a request, by the row's id.
 */
export async function measureLayer({ rows, compared }, { start, running, context }) {
  for (const row of rows) running[row.server] = await start.layers(row);
  const jobs = (await prepareAll(rows, running)).filter(({ row }) => compared.has(row.id));
  await warmUp(jobs, context);
  const rounds = [];
  for (let round = 0; round < context.rounds; round++) {
    context.say(`${rows.at(-1).title}: round ${round + 1} of ${context.rounds}`);
    rounds.push(await takeTurns(jobs, context));
  }
  await end(running);
  return rounds;
}

async function takeTurns(jobs, { load, milliseconds }) {
  const turns = Math.max(1, Math.round(milliseconds / TURN_MS));
  const sums = jobs.map(() => ({ requests: 0, cpuMicros: 0 }));
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, job] of jobs.entries()) {
      const { requests, cpuMicros } = await run(job, load, milliseconds / turns);
      sums[i].requests += requests;
      sums[i].cpuMicros += cpuMicros;
    }
  }
  return Object.fromEntries(jobs.map(({ row }, i) => [row.id, sums[i].cpuMicros / sums[i].requests]));
}

async function end(running) {
  for (const [name, server] of Object.entries(running)) {
    await server.stop();
    await server.countLines();
    await server.removeLog();
    delete running[name];
  }
}
