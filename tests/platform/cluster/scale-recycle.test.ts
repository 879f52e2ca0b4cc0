import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Status } from '../../../src/platform/supervisor/status.ts';
import { cpuSeconds } from '../../support/cluster/processes.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';

const suite = clusterSuite();

const NOTHING_LOST = { failed: 0, reset: 0, hung: 0, first: [] };

const slotsOf = ({ workers }: Status) => workers.map(({ slot }) => slot);

describe('scaling', () => {
  test('up and down by TTIN and TTOU loses nothing; slots stay 0 to n−1, and the minimum is one', async () => {
    const cluster = await suite.start({ env: { LINGER_SECONDS: '1' } });
    const before = await cluster.workers();
    const load = await suite.load(cluster);
    cluster.signal('SIGTTIN');
    const up = await cluster.untilStatus('three serve', ({ ready }) => ready === 3);
    expect(slotsOf(up)).toEqual([0, 1, 2]);
    await load.answers(200);
    for (let target = 2; target >= 1; target--) {
      cluster.signal('SIGTTOU');
      await cluster.untilStatus(`${target} left`, ({ workers }) => workers.length === target);
      await load.answers(200);
    }
    cluster.signal('SIGTTOU');
    await cluster.logged('cannot scale');
    expect(await cluster.workers()).toEqual(before.slice(0, 1));
    const { ok: _, ...lost } = await load.end();
    expect(lost).toEqual(NOTHING_LOST);
  }, 90_000);
});

describe('scaling down', () => {
  test('while the newest worker boots stops it without killing it', async () => {
    const cluster = await suite.start({ env: { KILL_GRACE_SECONDS: '10' } });
    cluster.signal('SIGTTIN');
    const { workers } = await cluster.untilStatus('it boots', (status) => status.workers.length === 3);
    cluster.signal('SIGTTOU');
    await cluster.logged('worker stopped', { fields: { worker: workers[2]?.pid, code: 0 } });
    expect(cluster.lines('killing a worker')).toEqual([]);
    expect(await cluster.status()).toMatchObject({ target: 2, ready: 2, counts: { crashes: 0 } });
  }, 60_000);
});

describe('recycling', () => {
  test('by requests replaces one at a time, the new one first: never fewer than all serve', async () => {
    const cluster = await suite.start({
      env: { MAX_REQUESTS: '400', MIN_UPTIME_SECONDS: '1', LINGER_SECONDS: '1' },
    });
    const load = await suite.load(cluster, [
      { count: 4, path: '/livez' },
      { count: 4, path: '/livez', keepAlive: false },
    ]);
    const seen: number[] = [];
    await cluster.until('four were recycled', async () => {
      const { ready, counts } = await cluster.status();
      seen.push(ready);
      return counts.recycled >= 4;
    });
    expect(Math.min(...seen)).toBe(2);
    const { ok: _, ...lost } = await load.end();
    expect(lost).toEqual(NOTHING_LOST);
    expect(cluster.lines('draining', { reason: 'requests' }).length).toBeGreaterThanOrEqual(3);
  }, 90_000);

  test('by memory replaces only the worker that grew', async () => {
    const cluster = await suite.start({ env: { MAX_RSS_MB: '400', MIN_UPTIME_SECONDS: '1' } });
    const before = await cluster.workers();
    const { pid } = await cluster.json('/test/eat?mb=400');
    await cluster.logged('worker stopped', { fields: { worker: pid, code: 0 } });
    const after = await cluster.workers();
    expect(after.filter((worker) => before.includes(worker))).toEqual(before.filter((old) => old !== pid));
    expect((await cluster.status()).counts).toMatchObject({ recycled: 1, crashes: 0 });
  }, 60_000);
});

describe('a primary with nothing to do', () => {
  test('uses negligible CPU', async () => {
    const cluster = await suite.start();
    // What there is to compile is compiled.
    await sleep(2000);
    const before = cpuSeconds(cluster.pid);
    await sleep(4000);
    // A hundredth of a core; Linux counts in hundredths of a second.
    expect(cpuSeconds(cluster.pid) - before).toBeLessThanOrEqual(0.06);
  }, 60_000);
});
