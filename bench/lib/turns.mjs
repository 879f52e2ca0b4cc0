import { run } from './measure.mjs';

/** How long one server is measured before it is the next one's turn, in milliseconds. */
const TURN_MS = 100;

/**
 * Measures servers in short turns, on one core, so that each is compared to what another took in the same tenths of a
 * second: a machine that others work on too may be half as fast from one second to the next.
 *
 * @param jobs - as `prepareAll` makes them.
 * @param context.milliseconds - how long each is measured in a round.
 * @returns of each turn what `run` found, by the row's id.
 */
export async function takeTurns(jobs, { load, rounds, milliseconds, say }) {
  const turns = [];
  // Not counted: a process that has waited for its turn finds the core's caches and its own memory cold.
  await takeTurn(jobs, load, milliseconds);
  for (let round = 0; round < rounds; round++) {
    say(`${jobs.at(-1).row.title}: round ${round + 1} of ${rounds}`);
    for (let left = Math.max(1, Math.round(milliseconds / TURN_MS)); left > 0; left--) {
      turns.push(await takeTurn(jobs, load, milliseconds));
    }
  }
  return turns;
}

async function takeTurn(jobs, load, milliseconds) {
  const amount = { milliseconds: Math.min(TURN_MS, milliseconds) };
  const results = {};
  for (const job of jobs) results[job.row.id] = await run(job, load, amount);
  return results;
}
