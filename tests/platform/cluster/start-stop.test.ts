import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { isRunning } from '../../support/cluster/processes.ts';
import { BAD_SERVERS } from '../../support/cluster/releases.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';
import { shortest, timed } from '../../support/timing.ts';

const suite = clusterSuite();

describe('the start', () => {
  test('ends when all workers serve: then the PID file is written, over a stale one', async () => {
    const releases = await suite.host();
    await writeFile(join(releases.root, 'app.pid'), '1\n');
    const cluster = await suite.start({ releases });
    await cluster.until('the pid file is written', async () => {
      return (await readFile(cluster.pidFile, 'utf8')) === `${cluster.pid}\n`;
    });
    expect(await cluster.status()).toMatchObject({ state: 'serving', ready: 2, target: 2, generation: 1 });
    cluster.signal('SIGTERM');
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
    await expect(readFile(cluster.pidFile)).rejects.toThrow('ENOENT');
    await expect(readFile(cluster.controlSocket)).rejects.toThrow('ENOENT');
  }, 60_000);

  test('with a bad configuration exits with 78 at once, and names the variable', async () => {
    const cluster = await suite.launch({ env: { HANG_TIMEOUT_SECONDS: 'soon' } });
    expect(await cluster.exit()).toEqual({ code: 78, signal: null });
    expect(cluster.output).toContain('HANG_TIMEOUT_SECONDS must be a number');
    expect(cluster.output.trim().split('\n')).toHaveLength(1);
  }, 60_000);

  test.each(Object.entries(BAD_SERVERS).slice(0, 3))(
    'of code with the fault "%s" exits with 3 at once, and logs the cause once',
    async (name, server) => {
      const releases = await suite.host();
      await releases.deploy(name, { server });
      const cluster = await suite.launch({ releases });
      expect(await cluster.exit()).toEqual({ code: 3, signal: null });
      expect(cluster.lines('worker crashed')).toHaveLength(1);
      expect(cluster.output.split('SyntaxError:').length).toBeLessThanOrEqual(2);
      expect(cluster.output.split('Error: this release is broken').length).toBeLessThanOrEqual(2);
    },
    60_000,
  );

  test('of code that is never ready exits with 3 after the boot timeout', async () => {
    const releases = await suite.host();
    await releases.deploy('bad', { server: BAD_SERVERS['is never ready'] });
    const cluster = await suite.launch({ releases, env: { BOOT_TIMEOUT_SECONDS: '1' } });
    expect(await cluster.exit()).toEqual({ code: 3, signal: null });
    expect(cluster.output).toContain('was not ready in time');
  }, 60_000);

  test('on a port that is taken exits with 3, and logs the cause', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    suite.cleanUp(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const cluster = await suite.launch({ env: { PORT: String(port) } });
    expect(await cluster.exit()).toEqual({ code: 3, signal: null });
    expect(cluster.output).toContain('another process does');
  }, 60_000);

  test('of a worker whose configuration is wrong exits with 78', async () => {
    const releases = await suite.host();
    await releases.deploy('bad', { server: 'process.exit(78);\n' });
    const cluster = await suite.launch({ releases });
    expect(await cluster.exit()).toEqual({ code: 78, signal: null });
  }, 60_000);

  test('with STORE=memory starts one worker, and keeps it one', async () => {
    const cluster = await suite.start({ env: { STORE: 'memory', REDIS_URL: '', WEB_CONCURRENCY: '4' } });
    expect(await cluster.status()).toMatchObject({ target: 1, ready: 1 });
    expect(await cluster.control('scale', '+1')).toEqual({
      ok: false,
      error: 'the maximum is 1 with STORE=memory, which processes do not share; use Redis',
    });
    cluster.signal('SIGTTIN');
    await cluster.logged('cannot scale');
  }, 60_000);

  test('succeeds without Redis, also where /readyz requires it', async () => {
    const cluster = await suite.start({ env: { READY_REQUIRES_REDIS: 'on', BOOT_TIMEOUT_SECONDS: '5' } });
    expect((await fetch(`${cluster.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${cluster.url}/test/pid`)).status).toBe(200);
    const [victim = 0] = await cluster.workers();
    process.kill(victim, 'SIGKILL');
    await cluster.untilStatus('it is replaced', ({ ready, counts }) => ready === 2 && counts.crashes === 1);
    expect(cluster.lines('killing a worker')).toEqual([]);
  }, 60_000);

  test('can be cancelled: a worker that boots stops without being killed', async () => {
    const cluster = await suite.launch({ env: { KILL_GRACE_SECONDS: '10' } });
    await cluster.until('the first worker boots', async () => {
      const status = await cluster.status().catch(() => undefined);
      return status?.workers.length === 1;
    });
    cluster.signal('SIGTERM');
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
    await cluster.logged('worker stopped', { fields: { slot: 0, code: 0 } });
    expect(cluster.lines('killing a worker')).toEqual([]);
  }, 60_000);

  test('in development generates one secret for all workers', async () => {
    const env = { NODE_ENV: 'development', LOG_FORMAT: 'json', SESSION_SECRETS: '' };
    const cluster = await suite.start({ env });
    const secretsByPid = new Map<unknown, unknown>();
    await cluster.until('both workers have responded', async () => {
      const { pid, ...secrets } = await cluster.json('/test/secret');
      secretsByPid.set(pid, secrets);
      return secretsByPid.size === 2;
    });
    const [one, other] = [...secretsByPid.values()];
    expect(one).toEqual(other);
    expect(one).toEqual({ SESSION_SECRETS: [expect.any(String)] });
  }, 60_000);
});

describe('the stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s to the whole group finishes requests in flight, and exits with 0',
    async (signal) => {
      const cluster = await suite.start();
      const pids = await cluster.workers();
      const { answer } = await cluster.askSlowly(2000);
      cluster.signalGroup(signal);
      expect(await answer).toEqual({ pid: expect.any(Number) });
      expect(await cluster.exit()).toEqual({ code: 0, signal: null });
      expect(pids.filter(isRunning)).toEqual([]);
      expect(cluster.lines('worker stopped', { code: 0 })).toHaveLength(2);
    },
    60_000,
  );

  test('a second SIGTERM, or SIGQUIT, gives requests two seconds', async () => {
    for (const quick of ['SIGTERM', 'SIGQUIT'] as const) {
      const stop = async () => {
        const cluster = await suite.start();
        const slow = cluster.json('/test/slow?ms=60000');
        const cut = slow.catch((error: unknown) => (error as Error).message);
        await cluster.untilStatus('it is in flight', ({ workers }) =>
          workers.some(({ inFlight }) => inFlight === 1),
        );
        if (quick === 'SIGTERM') {
          cluster.signal('SIGTERM');
          await cluster.logged('draining', { times: 2 });
          // Within 300 ms it would be taken for an echo of the first.
          await sleep(500);
        }
        return timed(async () => {
          cluster.signal(quick);
          expect(await cluster.exit()).toEqual({ code: 0, signal: null });
          expect(await cut).toBe('fetch failed');
        });
      };
      // Far less than DRAIN_TIMEOUT_SECONDS.
      expect(await shortest(8000, stop)).toBeLessThan(8000);
    }
  }, 90_000);

  test('waits no longer than the drain timeout for a request without an end', async () => {
    const cluster = await suite.start({ env: { DRAIN_TIMEOUT_SECONDS: '1', KILL_GRACE_SECONDS: '1' } });
    const endless = cluster.json('/test/slow?ms=60000').catch((error: unknown) => (error as Error).message);
    await cluster.untilStatus('it is in flight', ({ workers }) =>
      workers.some(({ inFlight }) => inFlight === 1),
    );
    cluster.signal('SIGTERM');
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
    expect(await endless).toBe('fetch failed');
    expect(cluster.lines('worker stopped', { code: 1 })).toHaveLength(1);
  }, 60_000);

  test('by SIGKILL of the primary: workers finish requests in flight and exit, none is orphaned', async () => {
    const cluster = await suite.start();
    const pids = await cluster.workers();
    const { answer } = await cluster.askSlowly(1500);
    cluster.signal('SIGKILL');
    expect(await answer).toEqual({ pid: expect.any(Number) });
    await cluster.until('the workers have exited', () => !pids.some(isRunning));
  }, 60_000);

  test('workers ignore signals to the group that are for the primary: HUP, TTIN, TTOU, USR1', async () => {
    const cluster = await suite.start();
    const before = await cluster.workers();
    // One after the other: two at a time may arrive in either order, and before Node 22.14 and its --disable-sigusr1 a
    // worker that is just being born, and has no handler yet, dies of SIGUSR1.
    cluster.signalGroup('SIGTTIN');
    await cluster.untilStatus('three are ready', ({ ready }) => ready === 3);
    cluster.signalGroup('SIGTTOU');
    await cluster.untilStatus('two are left', ({ workers }) => workers.length === 2);
    cluster.signalGroup('SIGUSR1');
    expect(await cluster.workers()).toEqual(before);
    expect(cluster.output).not.toContain('Debugger listening');
    cluster.signalGroup('SIGHUP');
    await cluster.logged('reloaded');
    expect(cluster.lines('worker crashed')).toEqual([]);
  }, 60_000);
});

describe('a stop in the middle of the start', () => {
  test('exits with 0, and leaves no worker behind', async () => {
    for (const delayMs of [150, 500, 900]) {
      const cluster = await suite.launch();
      await sleep(300);
      await cluster.logged('state');
      await sleep(delayMs);
      const pids = (await cluster.status()).workers.map(({ pid }) => pid ?? 0);
      cluster.signal('SIGTERM');
      expect(await cluster.exit()).toEqual({ code: 0, signal: null });
      expect(pids.filter(isRunning)).toEqual([]);
    }
  }, 60_000);
});
