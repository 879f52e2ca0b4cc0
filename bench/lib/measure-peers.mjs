import { setTimeout as sleep } from 'node:timers/promises';
import { end, prepare, run, warmUp } from './measure.mjs';
import { PROCESSES } from './peers.mjs';
import { pin } from './pin.mjs';
import { rows } from './rows.mjs';
import { REST_MS } from './start-and-memory.mjs';
import { median } from './statistics.mjs';
import { takeTurns } from './turns.mjs';

/** Connections for a rate that does not wait for responses: enough that each request finds one free. */
const OPEN_CONNECTIONS = 200;

/** Of what a server can take: busy, and not overloaded. */
const SHARE_OF_CAPACITY = 0.7;

/** Before memory is read. */
const REQUESTS = 20_000;

/** Each peer in turns with this template; then starts and memory, unless `--only` or `--quick` asks for less. */
export async function measurePeers(peers, bench) {
  const { only, quick } = bench.context;
  const measured = [];
  for (const row of peers) measured.push({ row, ...(await measurePeer(row, bench)) });
  return { measured, processes: only || quick ? [] : await measureProcesses(bench) };
}

async function measurePeer(row, { start, running, context }) {
  const { load, say } = context;
  const own = rows.find(({ id }) => id === row.against);
  const answers = new Map();
  const jobs = [];
  // First what the body is compared to; the template's own row is compared to nothing here.
  for (const one of [
    { ...own, same: undefined },
    { ...row, same: own.id },
  ]) {
    running[one.server] = await start[one.server]();
    jobs.push(await prepare(one, running[one.server], answers));
  }
  await pin(Object.values(running), load);
  await warmUp(jobs, context);
  const turns = await takeTurns(jobs, context);
  const result = { turns: turns.map((turn) => ({ own: turn[own.id], peer: turn[row.id] })) };
  // Of the small response: at a rate that the slower of the two can take.
  if (row.against === 'proxied') {
    say(`${row.title}: at ${100 * SHARE_OF_CAPACITY} % of its capacity`);
    for (const name of ['own', 'peer']) {
      const perSecond = median(result.turns.map((turn) => turn[name].perSecond));
      const job = jobs[name === 'own' ? 0 : 1];
      result[`${name}P99`] = await p99At(perSecond * SHARE_OF_CAPACITY, job, context);
    }
  }
  await end(running);
  return result;
}

async function p99At(rate, { row, server, request }, { load, milliseconds }) {
  const result = await load.run({
    port: server.port,
    request,
    connections: OPEN_CONNECTIONS,
    rate,
    milliseconds: 3 * milliseconds,
  });
  server.expectLines(row.logged, result.requests);
  return result.p99;
}

/** From exec to the first response, the memory after load, and at rest. */
async function measureProcesses({ start, running, context }) {
  const { load, rounds, say } = context;
  const found = PROCESSES.map((name) => ({ name, starts: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const { name, starts } of found) {
      say(`start of ${name}, ${round + 1} of ${rounds}`);
      const server = await start[name]({ ready: '/bench/hello' });
      starts.push(server.startMs);
      await server.stop();
    }
  }
  const hello = rows.find(({ id }) => id === 'bare');
  for (const one of found) {
    say(`memory: loading ${one.name}`);
    running[one.name] = await start[one.name]();
    const job = await prepare({ ...hello, server: one.name }, running[one.name], new Map());
    await run(job, load, { requests: REQUESTS });
    one.loadedMib = await running[one.name].rssMib();
  }
  say(`memory: resting for ${REST_MS / 1000} s`);
  await sleep(REST_MS);
  for (const one of found) one.restMib = await running[one.name].rssMib();
  await end(running);
  return found.map(({ starts, ...rest }) => ({ ...rest, startMs: median(starts) }));
}
