import { afterAll, expect, test } from '@jest/globals';
import { collectDefaultMetrics, Registry as PromClientRegistry } from 'prom-client';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { measureProcess } from '../../src/runtime/process-metrics.ts';
import { Registry } from '../../src/runtime/prom-client.ts';

const registry = new Registry();
measureProcess(registry);
const theirs = new PromClientRegistry();
collectDefaultMetrics({ register: theirs });
afterAll(() => {
  // Their samplers would outlive the test.
  registry.clear();
  theirs.clear();
});

/** What a registry measures. Not what came out: handles and collections may be there at one moment only. */
async function described(source: PromClientRegistry) {
  const metrics = await source.getMetricsAsJSON();
  const parts = metrics.map(({ name, help, type, aggregator }) => ({ name, help, type, aggregator }));
  return parts.sort((a, b) => a.name.localeCompare(b.name));
}

test("the process's metrics are those that prom-client has by default", async () => {
  const ours = await described(registry);
  expect(ours).toEqual(await described(theirs));
  expect(ours.length).toBeGreaterThan(20);
});

test('CPU time is counted from one look to the next, and adds up', async () => {
  const seconds = async (kind: string) => {
    const metric = await registry.getSingleMetric(`process_cpu_${kind}seconds_total`)?.get();
    return metric?.values[0]?.value ?? NaN;
  };
  const spent = process.cpuUsage();
  while (process.cpuUsage(spent).user < 50_000);
  const [user, system, total] = [await seconds('user_'), await seconds('system_'), await seconds('')];
  expect(user).toBeGreaterThan(0.05);
  expect(total).toBeCloseTo(user + system, 6);
  expect(await seconds('user_')).toBeGreaterThanOrEqual(user);
});

test('a registry of ours is one of prom-client, so that both add up the same metrics', () => {
  expect(createMetrics({ defaults: false }).registry).toBeInstanceOf(PromClientRegistry);
});
