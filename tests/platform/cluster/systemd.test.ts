import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { signal } from '../../support/cluster/processes.ts';
import type { Releases } from '../../support/cluster/releases.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';

const suite = clusterSuite();

const HOLDER = fileURLToPath(new URL('../../fixtures/cluster/hold-socket.pl', import.meta.url));

/** A systemd-notify that records its arguments; tests/deploy has the real one, with a real systemd. */
async function standIn(releases: Releases) {
  const bin = join(releases.root, 'bin');
  const heard = join(releases.root, 'heard');
  await mkdir(bin);
  await writeFile(heard, '');
  await writeFile(join(bin, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${heard}\n`);
  await chmod(join(bin, 'systemd-notify'), 0o755);
  return {
    env: { PATH: `${bin}:${process.env.PATH ?? ''}`, NOTIFY_SOCKET: '/run/systemd/notify' },
    lines: async () => (await readFile(heard, 'utf8')).split('\n').filter(Boolean),
  };
}

describe('systemd receives', () => {
  test('READY when all serve, their number, RELOADING with the time, READY again, STOPPING: in this order', async () => {
    const releases = await suite.host();
    const { env, lines } = await standIn(releases);
    const cluster = await suite.start({ releases, env });
    await cluster.control('reload');
    cluster.signal('SIGTERM');
    await cluster.exit();
    const told = (await lines()).map((line) => line.replace('/run/systemd/notify ', ''));
    const milestones = told.map((line) => line.replace(/MONOTONIC_USEC=\d+/, 'MONOTONIC_USEC'));
    expect(milestones.filter((line) => !line.startsWith('STATUS='))).toEqual([
      'READY=1',
      'RELOADING=1 MONOTONIC_USEC STATUS=2/2 ready, reloading',
      'READY=1 STATUS=2/2 ready, serving',
      'STOPPING=1 STATUS=0/2 ready, stopping',
    ]);
    expect(milestones.indexOf('READY=1')).toBeLessThan(milestones.indexOf('STATUS=2/2 ready, serving'));
    expect(milestones[0]).toBe('STATUS=0/2 ready, starting');
  }, 60_000);

  test('WATCHDOG while a worker serves, and not when all hang', async () => {
    const releases = await suite.host();
    const { env, lines } = await standIn(releases);
    const cluster = await suite.start({
      releases,
      env: { ...env, WATCHDOG_USEC: '1000000', HANG_TIMEOUT_SECONDS: '2', WEB_CONCURRENCY: '1' },
    });
    const watchdogs = async () => (await lines()).filter((line) => line.endsWith('WATCHDOG=1')).length;
    await cluster.until('the watchdog is fed', async () => (await watchdogs()) > 2);
    // Replacements can't boot: the slot stays empty.
    await releases.deploy('bad', { server: 'setInterval(() => undefined, 1000);\n' });
    const [victim = 0] = await cluster.workers();
    signal(victim, 'SIGSTOP');
    await cluster.untilStatus('it counts as hung', ({ ready }) => ready === 0);
    // One may be on its way.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const fed = await watchdogs();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await watchdogs()).toBe(fed);
    signal(victim, 'SIGCONT');
  }, 60_000);

  test('nothing where systemd-notify is not installed, and the app serves all the same', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({
      releases,
      env: { NOTIFY_SOCKET: '/run/systemd/notify', PATH: releases.root },
    });
    await cluster.logged('cannot notify systemd');
    expect(await cluster.status()).toMatchObject({ state: 'serving' });
  }, 60_000);
});

describe('socket activation', () => {
  test('restarts refuse no connection: they wait in the socket that systemd holds', async () => {
    const cluster = await suite.start({ wrapper: ['perl', HOLDER, '2'], env: { LINGER_SECONDS: '1' } });
    const load = await suite.load(cluster, [
      { count: 4, path: '/livez', keepAlive: false },
      { count: 4, path: '/livez' },
      { count: 2, method: 'POST', path: '/test/echo' },
    ]);
    expect(await cluster.control('reload')).toMatchObject({ ok: true });
    const { pid } = await cluster.status();
    signal(pid, 'SIGTERM');
    await cluster.logged('stopped');
    await cluster.logged('state', { fields: { state: 'serving', ready: 2 }, times: 3 });
    await load.answers(200);
    const { ok: _, ...lost } = await load.end();
    expect(lost).toEqual({ failed: 0, reset: 0, hung: 0, first: [] });
    signal((await cluster.status()).pid, 'SIGTERM');
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
  }, 90_000);

  test('exits with 1 when the last worker crashes, for systemd to start it again with the socket', async () => {
    const cluster = await suite.start({ wrapper: ['perl', HOLDER, '2'], env: { WEB_CONCURRENCY: '1' } });
    const [victim = 0] = await cluster.workers();
    signal(victim, 'SIGKILL');
    await cluster.logged('giving up', { fields: { code: 1 } });
    await cluster.logged('state', { fields: { state: 'serving' }, times: 2 });
    expect(await (await fetch(`${cluster.url}/livez`)).json()).toEqual({ status: 'ok' });
  }, 60_000);
});
