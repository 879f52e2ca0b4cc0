import { setTimeout as sleep } from 'node:timers/promises';
import { end, prepareAll, run } from './measure.mjs';
import { rows } from './rows.mjs';
import { median } from './statistics.mjs';

/** How long a process is idle after the load, until its memory counts: twice IDLE_MEMORY_SECONDS (20), and some to spare. */
export const REST_MS = 42_000;

/** From exec to the first answer, in milliseconds: bare Express and the template in turns. */
export async function measureStart(start, { rounds, say }) {
  const times = { bare: [], this: [] };
  for (let round = 0; round < rounds; round++) {
    say(`start ${round + 1} of ${rounds}`);
    for (const [name, launch] of [
      ['bare', () => start.bare({ name: 'bare-start', ready: '/bench/hello' })],
      ['this', start.plain],
    ]) {
      const server = await launch();
      times[name].push(server.startMs);
      await server.stop();
    }
  }
  const [bare, own] = [median(times.bare), median(times.this)];
  return { bareMs: bare, thisMs: own, ratio: own / bare };
}

/** How many requests for each answer. */
const REQUESTS = 50_000;

/**
 * Resident memory at rest after load, in MiB, of servers that have had as many requests: half of them for the small answer,
 * half for the one with a session, or, where there are none, for the small one again.
 */
export async function measureMemory({ start, running, context }) {
  const { load, say } = context;
  for (const name of ['bare', 'usualRedis', 'proxied']) running[name] = await start[name]();
  const [bare, usual, ...others] = ['bare', 'usual', 'proxied', 'usual-session', 'session'].map((id) =>
    rows.find((row) => row.id === id),
  );
  const jobs = await prepareAll([bare, { ...usual, server: 'usualRedis' }, ...others], running);
  for (const job of [jobs[0], ...jobs]) {
    say(`memory: loading ${job.row.title}`);
    await run(job, load, { requests: REQUESTS });
  }
  say(`memory: resting for ${REST_MS / 1000} s`);
  await sleep(REST_MS);
  const [bareMib, usualMib, thisMib] = await Promise.all(
    Object.values(running).map((server) => server.rssMib()),
  );
  await end(running);
  return { bareMib, usualMib, thisMib, aboveMib: thisMib - bareMib };
}
