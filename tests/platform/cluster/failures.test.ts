import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { isRunning, signal } from '../../support/cluster/processes.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';
import { shortest } from '../../support/timing.ts';

const suite = clusterSuite();

const NOTHING_LOST = { failed: 0, reset: 0, hung: 0, first: [] };

/** What a worker needs from its fork to ready, as the log tells it, in milliseconds. */
function bootMs(line: Record<string, unknown>): number {
  return Number(line.seconds) * 1000;
}

describe('a worker that is killed with SIGKILL under load', () => {
  /** Kills a worker of a new cluster. @returns how long, beside its boot, its replacement took to be ready. */
  async function replacementIsLateBy(): Promise<number> {
    const cluster = await suite.start();
    const [victim = 0] = await cluster.workers();
    const keepAlive = await suite.load(cluster, [
      { count: 8, path: '/livez' },
      { count: 4, method: 'POST', path: '/test/echo' },
    ]);
    const single = await suite.load(cluster, [{ count: 6, path: '/livez', keepAlive: false }]);
    const killedAt = Date.now();
    signal(victim, 'SIGKILL');
    const crash = await cluster.logged('worker crashed', { fields: { worker: victim } });
    expect(crash).toMatchObject({
      slot: 0,
      signal: 'SIGKILL',
      reason: expect.stringContaining('out of memory?'),
    });
    const ready = await cluster.logged('worker ready', { times: 3 });
    await keepAlive.answers(500);
    await single.answers(500);
    const lost = [await keepAlive.end(), await single.end()];
    // A client has at most one request in flight, and half of them were with the victim.
    expect(lost.map(({ hung, failed }) => ({ hung, failed }))).toEqual([
      { hung: 0, failed: 0 },
      { hung: 0, failed: 0 },
    ]);
    expect(lost[0]?.reset).toBeLessThanOrEqual(12);
    expect(lost[1]?.reset).toBeLessThanOrEqual(6);
    expect(await cluster.status()).toMatchObject({ ready: 2, counts: { crashes: 1 } });
    await cluster.stop();
    return Date.parse(String(ready.time)) - killedAt - bootMs(ready);
  }

  test('loses only its own requests, and its replacement is forked at once', async () => {
    expect(await shortest(250, replacementIsLateBy)).toBeLessThan(250);
  }, 120_000);
});

describe('a worker that hangs', () => {
  /** Suspends a worker of a new cluster. @returns how long, beside the timeout and its boot, its replacement took. */
  async function replacementIsLateBy(): Promise<number> {
    const cluster = await suite.start({ env: { HANG_TIMEOUT_SECONDS: '3' } });
    const [victim = 0] = await cluster.workers();
    const stoppedAt = Date.now();
    signal(victim, 'SIGSTOP');
    const load = await suite.load(cluster, [
      { count: 6, path: '/livez', keepAlive: false },
      { count: 2, method: 'POST', path: '/test/echo', keepAlive: false },
    ]);
    const ready = await cluster.logged('worker ready', { times: 3 });
    await cluster.logged('killing a worker', { fields: { worker: victim, signal: 'SIGABRT' } });
    await cluster.logged('killing a worker', { fields: { worker: victim, signal: 'SIGKILL' } });
    await cluster.until('it has ended', () => !isRunning(victim));
    await load.answers(500);
    const { ok: _, ...lost } = await load.end();
    expect(lost).toEqual(NOTHING_LOST);
    expect(await cluster.status()).toMatchObject({ ready: 2, counts: { hangs: 1 } });
    await cluster.stop();
    return Date.parse(String(ready.time)) - stoppedAt - 3000 - bootMs(ready);
  }

  test('is replaced, and no new connection fails or hangs', async () => {
    expect(await shortest(2000, replacementIsLateBy)).toBeLessThan(2000);
  }, 120_000);

  test('in an endless loop is replaced as well', async () => {
    const cluster = await suite.start({ env: { HANG_TIMEOUT_SECONDS: '2' } });
    const cut = cluster.json('/test/block?ms=60000').catch(() => 'cut');
    await cluster.logged('killing a worker', { fields: { signal: 'SIGABRT' } });
    expect(await cut).toBe('cut');
    await cluster.untilStatus('both serve', ({ ready, workers }) => ready === 2 && workers.length === 2);
  }, 60_000);

  test('and continues before its replacement serves drains like any other', async () => {
    const cluster = await suite.start({ env: { HANG_TIMEOUT_SECONDS: '2' } });
    const [victim = 0] = await cluster.workers();
    signal(victim, 'SIGSTOP');
    await cluster.untilStatus('its replacement boots', ({ workers }) => workers.length === 3);
    signal(victim, 'SIGCONT');
    await cluster.logged('worker stopped', { fields: { worker: victim, code: 0 } });
    expect(cluster.lines('killing a worker')).toEqual([]);
  }, 60_000);
});

describe('a primary that was suspended', () => {
  test('kills no worker', async () => {
    const cluster = await suite.start({ env: { HANG_TIMEOUT_SECONDS: '2' } });
    const before = await cluster.workers();
    cluster.signal('SIGSTOP');
    await sleep(6000);
    cluster.signal('SIGCONT');
    await cluster.logged('the primary was suspended');
    await sleep(1500);
    expect(await cluster.workers()).toEqual(before);
    expect(cluster.lines('killing a worker')).toEqual([]);
  }, 60_000);
});

describe('a fatal error in a worker', () => {
  test('is logged in full, requests in progress finish, it is replaced before it exits, and exits with 1', async () => {
    const cluster = await suite.start({ env: { WEB_CONCURRENCY: '1' } });
    // Less than the two seconds that a worker has after such an error.
    const { answer } = await cluster.askSlowly(1800);
    const { pid } = await cluster.json('/test/crash');
    await cluster.untilStatus('its replacement boots beside it', ({ workers }) => workers.length === 2);
    expect(await answer).toEqual({ pid });
    await cluster.logged('worker stopped', { fields: { worker: pid, code: 1 } });
    const crash = await cluster.logged('crash');
    expect(crash).toMatchObject({ pid, err: { message: 'a bug nobody caught', stack: expect.any(String) } });
    const { counts } = await cluster.untilStatus('it is replaced', ({ ready }) => ready === 1);
    expect(counts).toMatchObject({ crashes: 1, bootFailures: 0 });
  }, 60_000);
});

describe('a worker that keeps crashing', () => {
  test('is tried again with growing delays while another one serves', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({ releases });
    const [, victim = 0] = await cluster.workers();
    await releases.deploy('bad', { server: 'process.exit(1);\n' });
    signal(victim, 'SIGKILL');
    await sleep(15_000);
    // 0, 0.1, 0.2, 0.4 … 6.4 seconds, and what it takes to boot: eight at the most.
    const crashes = cluster.lines('worker crashed').length;
    expect(crashes).toBeGreaterThan(4);
    expect(crashes).toBeLessThanOrEqual(9);
    expect(await cluster.status()).toMatchObject({ state: 'degraded', ready: 1 });
    await releases.deploy('good');
    expect(await cluster.control('reload')).toMatchObject({ ok: true });
    expect(await cluster.status()).toMatchObject({ state: 'serving', ready: 2 });
  }, 60_000);

  test('ends the primary with 1 when none serves and the limit is reached', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({ releases, env: { CRASH_LIMIT: '5', WEB_CONCURRENCY: '1' } });
    await releases.deploy('bad', { server: 'process.exit(1);\n' });
    const [victim = 0] = await cluster.workers();
    signal(victim, 'SIGKILL');
    expect(await cluster.exit()).toEqual({ code: 1, signal: null });
    expect(cluster.lines('worker crashed')).toHaveLength(5);
    await cluster.logged('giving up');
  }, 60_000);

  test('that calls process.exit is replaced', async () => {
    const cluster = await suite.start();
    await cluster.json('/test/exit').catch(() => undefined);
    await cluster.logged('worker crashed', { fields: { code: 7 } });
    const { counts } = await cluster.untilStatus('it is replaced', ({ ready }) => ready === 2);
    expect(counts.crashes).toBe(1);
  }, 60_000);
});

describe('connections that never send anything', () => {
  test('do not keep a worker from stopping', async () => {
    const cluster = await suite.start();
    const silent = Array.from({ length: 4 }, () => connect(cluster.port, '127.0.0.1'));
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    for (const socket of silent) socket.on('error', () => undefined);
    cluster.signal('SIGTERM');
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
    expect(cluster.lines('worker stopped', { code: 0 })).toHaveLength(2);
  }, 60_000);
});
