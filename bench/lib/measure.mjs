import { ask, assertKeepsItsPromises, assertProven } from './check.mjs';
import { headersOf, requestFor } from './load.mjs';
import { pin } from './pin.mjs';
import { takeTurns } from './turns.mjs';

/**
 * Measures the rows one after the other, each in turns with bare Express: a process that had to wait for all the others in
 * each round would be cold at its turn, and a template that had waited for REST_SECONDS would have given its memory back.
 *
 * @returns for each row, by id: its answer's size, and of each turn what `run` found of it and of bare Express.
 */
export async function measureRows(rows, { start, running, context }) {
  const answers = new Map();
  const measured = new Map();
  let bare;
  for (const row of rows) {
    running[row.server] ??= await start[row.server]();
    const job = await prepare(row, running[row.server], answers);
    // The first: plan.mjs sees to that.
    bare ??= job;
    await pin(Object.values(running), context.load);
    await warmUp([job], context);
    const turns = await takeRounds(job === bare ? [job] : [bare, job], context);
    measured.set(row.id, {
      row,
      wireBytes: job.wireBytes,
      turns: turns.map((turn) => ({ own: turn[row.id], bare: turn.bare })),
    });
    if (job.server !== bare.server) await end(running, [row.server]);
  }
  return measured;
}

/** As `takeTurns`, so many times. */
export async function takeRounds(jobs, { rounds, ...context }) {
  const turns = [];
  for (let round = 0; round < rounds; round++) {
    context.say(`${jobs.at(-1).row.title}: round ${round + 1} of ${rounds}`);
    turns.push(...(await takeTurns(jobs, context)));
  }
  return turns;
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
    await run(job, load, { milliseconds: warmUpMs });
    await run(job, load, { milliseconds: warmUpMs / 4 });
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
  return { row, server, request: requestFor(row.path, headers), wireBytes: answer.wireBytes };
}

/**
 * Puts a load on a server.
 *
 * @param amount - `milliseconds` or `requests`.
 * @returns the CPU microseconds a request, and requests a second.
 */
export async function run({ row, server, request }, load, amount) {
  const before = await server.cpuMicros();
  const result = await load.run({ port: server.port, request, ...amount });
  const cpu = (await server.cpuMicros()) - before;
  if (result.errors > 0 || result.statuses[200] !== result.requests) {
    const seen = JSON.stringify({ ...result.statuses, errors: result.errors });
    const why = result.statuses[503]
      ? ': too busy to measure, it refuses requests. What else runs on this machine?'
      : '';
    throw new Error(`${row.title}: ${seen}${why}`);
  }
  server.expectLines(row.logged, result.requests);
  return {
    micros: cpu / result.requests,
    perSecond: (result.requests / result.milliseconds) * 1000,
  };
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
