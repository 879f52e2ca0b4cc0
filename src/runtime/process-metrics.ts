import { Counter, measures, type Registry } from './prom-client.ts';

/** How often the event loop's delay is sampled, in milliseconds: prom-client's default. */
const EVENT_LOOP_SAMPLE_MS = 10;

/**
 * Measures the process: CPU time, event-loop delay, memory, garbage collections, handles. The same metrics as
 * prom-client's `collectDefaultMetrics`, which a test compares, at a quarter of what loading that one costs.
 */
export function measureProcess(registry: Registry): void {
  measureCpu(registry);
  for (const measure of measures) measure(registry, { eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
}

function measureCpu(registry: Registry): void {
  const registers = [registry];
  const user = new Counter({
    name: 'process_cpu_user_seconds_total',
    help: 'Total user CPU time spent in seconds.',
    registers,
    collect,
  });
  const system = new Counter({
    name: 'process_cpu_system_seconds_total',
    help: 'Total system CPU time spent in seconds.',
    registers,
  });
  const total = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers,
  });
  let last = process.cpuUsage();
  /** The registry asks the first of the three, and the others after it. */
  function collect() {
    const now = process.cpuUsage();
    user.inc((now.user - last.user) / 1e6);
    system.inc((now.system - last.system) / 1e6);
    total.inc((now.user - last.user + now.system - last.system) / 1e6);
    last = now;
  }
}
