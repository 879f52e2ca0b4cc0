import { ask, assertKeepsItsPromises, assertProven } from './check.mjs';
import { headersOf, requestFor } from './load.mjs';

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
    await run(job, load, { milliseconds: warmUpMs });
    await run(job, load, { milliseconds: warmUpMs / 4 });
  }
}

/** Asks a row for what it answers; `answers` are those of the rows before. */
export async function prepare(row, server, answers) {
  const login = row.login && (await ask(server, row.login, headersOf()));
  const cookie = row.cookie ?? login?.headers['set-cookie']?.map((one) => one.split(';', 1)[0]).join('; ');
  if (login && !cookie) throw new Error(`${row.title}: no session was made (${login.status} ${login.body})`);
  const headers = headersOf({ cookie });
  // Twice: the first may fill a cache.
  await ask(server, row.path, headers);
  const answer = await ask(server, row.path, headers);
  assertKeepsItsPromises(row, answer, answers);
  answers.set(row.id, answer);
  if (row.proof) assertProven(row, await ask(server, row.proof.path, headers));
  server.expectLines(row.logged, [login, true, true, row.proof].filter(Boolean).length);
  return { row, server, request: requestFor(row.path, headers), wireBytes: answer.wireBytes };
}

/**
 * Puts a load on a server.
 *
 * @param job.pool - the id of the connections it is to use, if not new ones.
 * @param job.redis - whose CPU time counts too, by itself.
 * @param amount - `milliseconds` or `requests`.
 * @returns the CPU microseconds a request, and requests a second.
 */
export async function run({ row, server, request, pool, redis }, load, amount) {
  const cpuMicros = () => Promise.all([server.cpuMicros(), redis?.cpuMicros()]);
  const [before, redisBefore] = await cpuMicros();
  const result = await load.run({ port: server.port, request, pool, ...amount });
  const [after, redisAfter] = await cpuMicros();
  assertAllServed(row, result);
  server.expectLines(row.logged, result.requests);
  return {
    micros: (after - before) / result.requests,
    ...(redis && { redisMicros: (redisAfter - redisBefore) / result.requests }),
    perSecond: (result.requests / result.milliseconds) * 1000,
  };
}

/** @throws when a request was lost, or had another response than 200. */
export function assertAllServed({ title }, { requests, statuses, errors }) {
  if (errors === 0 && statuses[200] === requests) return;
  const seen = JSON.stringify({ ...statuses, errors });
  const why = statuses[503]
    ? ': too busy to measure, it refuses requests. What else runs on this machine?'
    : '';
  throw new Error(`${title}: ${seen}${why}`);
}

/** Stops servers before the run ends, and counts the lines they wrote. */
export async function end(running, names = Object.keys(running)) {
  for (const name of names) {
    const server = running[name];
    await server.logRests();
    await server.stop();
    await server.countLines();
    await server.removeLog();
    delete running[name];
  }
}
