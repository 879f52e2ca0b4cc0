import { ask, assertKeepsItsPromises, assertProven } from './check.mjs';
import { headersOf, requestFor } from './load.mjs';

/**
 * Measures all rows in rounds: each round measures each row once, in an order that turns by one, so that what else
 * the machine does hits all of them alike.
 *
 * @returns for each row, by id: its answer's size, and of each round the CPU microseconds a request and requests a second.
 */
export async function measureRows(rows, { started, rounds, ...context }) {
  const jobs = await prepareAll(rows, started);
  await warmUp(jobs, context);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[(i + round) % jobs.length];
      context.say(`round ${round + 1} of ${rounds}: ${job.row.title}`);
      job.rounds.push(await run(job, context.load, context.milliseconds));
    }
  }
  return new Map(jobs.map(({ row, rounds, wireBytes }) => [row.id, { row, rounds, wireBytes }]));
}

/** Asks each row for what it answers. @throws when that is not what it should be. */
export async function prepareAll(rows, started) {
  const answers = new Map();
  const jobs = [];
  for (const row of rows) jobs.push(await prepare(row, started[row.server], answers));
  return jobs;
}

export async function warmUp(jobs, { load, warmUpMs, say }) {
  for (const job of jobs) {
    say(`warming up: ${job.row.title}`);
    await run(job, load, warmUpMs);
    await run(job, load, warmUpMs / 4);
  }
}

async function prepare(row, server, answers) {
  const login = row.login && (await ask(server, row.login, headersOf()));
  const cookie = login?.headers['set-cookie']?.[0].split(';', 1)[0];
  if (login && !cookie) throw new Error(`${row.title}: no session was made (${login.status} ${login.body})`);
  const headers = headersOf({ cookie });
  // Twice: the first may fill a cache.
  await ask(server, row.path, headers);
  const answer = await ask(server, row.path, headers);
  assertKeepsItsPromises(row, answer, answers);
  answers.set(row.id, answer);
  if (row.proof) assertProven(row, await ask(server, row.proof.path, headers));
  server.expectLines(row.logged, [login, true, true, row.proof].filter(Boolean).length);
  return { row, server, request: requestFor(row.path, headers), rounds: [], wireBytes: answer.wireBytes };
}

export async function run({ row, server, request }, load, milliseconds) {
  const before = await server.cpuMicros();
  const result = await load.run({ port: server.port, request, milliseconds });
  const cpu = (await server.cpuMicros()) - before;
  if (result.errors > 0 || result.statuses[200] !== result.requests) {
    throw new Error(`${row.title}: ${JSON.stringify({ ...result.statuses, errors: result.errors })}`);
  }
  server.expectLines(row.logged, result.requests);
  return {
    requests: result.requests,
    cpuMicros: cpu,
    micros: cpu / result.requests,
    perSecond: (result.requests / result.milliseconds) * 1000,
  };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
