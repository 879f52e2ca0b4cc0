import { describe, expect, test } from '@jest/globals';
import type { ClusterProcess } from '../../support/cluster/cluster-process.ts';
import { signal } from '../../support/cluster/processes.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';

const suite = clusterSuite();

async function scrape(cluster: ClusterProcess): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${cluster.adminPort}/metrics`, {
    headers: { connection: 'close' },
  });
  expect(response.status).toBe(200);
  return response.text();
}

/** How many requests of the test's own routes all workers have counted. */
async function requests(cluster: ClusterProcess): Promise<number> {
  const counts = (await scrape(cluster)).matchAll(
    /^http_request_duration_seconds_count\{method="GET",route="other",[^}]*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function ask(cluster: ClusterProcess, times: number): Promise<Set<unknown>> {
  const pids = new Set<unknown>();
  for (let time = 0; time < times; time++) pids.add((await cluster.json('/test/pid')).pid);
  return pids;
}

describe('one scrape of the primary', () => {
  test('adds up all workers, and never falls: not by a reload, not by a crash', async () => {
    const cluster = await suite.start();
    expect((await ask(cluster, 40)).size).toBe(2);
    expect(await requests(cluster)).toBe(40);
    await cluster.control('reload');
    await cluster.untilStatus('the old workers have stopped', ({ workers }) => workers.length === 2);
    expect(await requests(cluster)).toBe(40);
    await ask(cluster, 10);
    expect(await requests(cluster)).toBe(50);
    const [victim = 0] = await cluster.workers();
    signal(victim, 'SIGKILL');
    await cluster.logged('worker crashed');
    await cluster.untilStatus('it is replaced', ({ ready }) => ready === 2);
    expect(await requests(cluster)).toBe(50);
  }, 60_000);

  test('has the supervisor’s own: workers by state, restarts, reloads, generation', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({ releases });
    await cluster.control('reload');
    await releases.deploy('bad', { server: 'process.exit(1);\n' });
    await cluster.control('reload');
    await cluster.untilStatus('the old workers have stopped', ({ workers }) => workers.length === 2);
    const text = await scrape(cluster);
    for (const line of [
      'supervisor_target_workers 2',
      'supervisor_generation 3',
      'supervisor_workers{state="ready"} 2',
      'supervisor_workers{state="booting"} 0',
      'supervisor_reloads_total{outcome="done"} 1',
      'supervisor_reloads_total{outcome="aborted"} 1',
      'supervisor_restarts_total{reason="boot"} 1',
      'supervisor_restarts_total{reason="crash"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  }, 60_000);

  test('does not wait for a worker that hangs', async () => {
    const cluster = await suite.start();
    const [, victim = 0] = await cluster.workers();
    signal(victim, 'SIGSTOP');
    suite.cleanUp(() => {
      signal(victim, 'SIGKILL');
    });
    expect(await scrape(cluster)).toContain('supervisor_target_workers 2');
  }, 60_000);
});
