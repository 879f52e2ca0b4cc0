import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { cpuSeconds, residentBytes } from '../support/cluster/processes.ts';
import { clusterSuite } from '../support/cluster/suite.ts';

const suite = clusterSuite();

const RELOADS = Number(process.env.RELOADS ?? 25);

/** 200,000 over 25 reloads. */
const REQUESTS = RELOADS * 8000;

/** How many reloads show whether the primary's memory grows, and after how many it has found its size. */
const MEMORY_RELOADS = RELOADS * 8;
const WARM_UP = Math.ceil(MEMORY_RELOADS / 4);

/** Jest keeps a test's own output to itself until the end; these are to be seen on the way. */
function say(line: string): void {
  writeSync(2, `${line}\n`);
}

test(`${RELOADS} rolling reloads under load lose none of ${REQUESTS} requests, and none hangs`, async () => {
  const cluster = await suite.start({ env: { LINGER_SECONDS: '1', LOG_LEVEL: 'warn' }, quiet: true });
  const load = await suite.load(cluster);
  for (let reload = 1; reload <= RELOADS; reload++) {
    expect(await cluster.control('reload')).toMatchObject({ ok: true });
    say(`reload ${reload}: ${JSON.stringify(load.result)}`);
  }
  while (load.result.ok < REQUESTS) await load.answers(Math.min(2000, REQUESTS - load.result.ok));
  await cluster.untilStatus('the old ones are gone', ({ workers }) => workers.length === 2);
  const { ok, ...lost } = await load.end();
  say(`${RELOADS} reloads, ${ok} requests: ${JSON.stringify(lost)}`);
  expect(lost).toEqual({ failed: 0, reset: 0, hung: 0, first: [] });
  expect(ok).toBeGreaterThanOrEqual(REQUESTS);
  expect((await cluster.status()).counts).toMatchObject({ reloads: RELOADS, crashes: 0, hangs: 0 });
});

test(`the primary's memory stays flat through ${MEMORY_RELOADS} reloads`, async () => {
  const cluster = await suite.start({ env: { WEB_CONCURRENCY: '1', LOG_LEVEL: 'warn' }, quiet: true });
  const megabytes = () => Math.round(residentBytes(cluster.pid) / 1024 ** 2);
  const sizes: number[] = [];
  for (let reload = 1; reload <= MEMORY_RELOADS; reload++) {
    expect(await cluster.control('reload')).toMatchObject({ ok: true });
    sizes.push(megabytes());
    if (reload % 20 === 0) say(`reload ${reload}: the primary has ${megabytes()} MB`);
  }
  const early = Math.max(...sizes.slice(0, WARM_UP));
  const late = Math.min(...sizes.slice(-WARM_UP));
  say(`the primary's memory: at most ${early} MB in the first quarter, at least ${late} MB in the last`);
  // Garbage comes and goes; what leaks stays. A leak of 100 KB a reload would be 15 MB here.
  expect(late).toBeLessThanOrEqual(early + 5);
  const before = cpuSeconds(cluster.pid);
  await sleep(10_000);
  say(`idle for 10 s, the primary used ${(cpuSeconds(cluster.pid) - before).toFixed(2)} s of CPU`);
  expect(cpuSeconds(cluster.pid) - before).toBeLessThanOrEqual(0.15);
});
