import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './measure.mjs';

/** How long a process rests after the load, until its memory counts: a fifth more than REST_SECONDS (20), and some to spare. */
const REST_MS = 26_000;

/** From exec to the first answer, in milliseconds: bare Express and the template in turns. */
export async function measureStart(start, { rounds, say }) {
  const times = { bare: [], this: [] };
  for (let round = 0; round < rounds; round++) {
    say(`start ${round + 1} of ${rounds}`);
    for (const [name, launch] of [
      ['bare', start.bareForStart],
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

/**
 * Resident memory at rest after the rounds, in MiB. The servers compared have had the same load: the small answer, and,
 * where they have sessions, the one with a session.
 */
export async function measureMemory({ bare, usualRedis, proxied }, { say }) {
  say(`memory: resting for ${REST_MS / 1000} s`);
  await sleep(REST_MS);
  const [bareMib, usualMib, thisMib] = [
    await bare.rssMib(),
    await usualRedis?.rssMib(),
    await proxied.rssMib(),
  ];
  return { bareMib, usualMib, thisMib, aboveMib: thisMib - bareMib };
}
