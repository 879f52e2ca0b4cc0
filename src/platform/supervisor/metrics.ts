import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { MetricsSource } from '../observability/admin.ts';
import { residentMemory } from '../observability/resident-memory.ts';
import type { Status } from './status.ts';
import type { Supervisor } from './supervisor.ts';
import type { WorkerProcess } from './worker-process.ts';

/** How long a scrape waits for a worker that hangs, in milliseconds. */
const TIMEOUT_MS = 2000;

const WORKER_STATES = ['booting', 'ready', 'hung', 'stopping'] as const;

type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[];

/**
 * The metrics of all workers added up, and the supervisor's own, in one scrape.
 *
 * The sums keep what a stopped worker has counted: a sum that falls looks to Prometheus like a restart of everything, and
 * makes `rate()` jump. So a worker sends its counts before it exits; of one that crashed the last scrape counts.
 */
export class ClusterMetrics implements MetricsSource {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #supervisor: Supervisor;
  readonly #residentBytes = residentMemory();
  readonly #last = new WeakMap<WorkerProcess, WorkerMetrics>();
  #stopped: Promise<WorkerMetrics> = Promise.resolve([]);

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  async metrics(): Promise<string> {
    // All at this moment: a worker that exits during the scrape counts once.
    const { workers } = this.#supervisor;
    const all = await Promise.all([this.#stopped, ...workers.map((worker) => this.#query(worker))]);
    const sum = AggregatorRegistry.aggregate(all);
    const own = await supervisorMetrics(this.#supervisor.status, this.#residentBytes());
    return `${await sum.metrics()}\n${own}`;
  }

  /** Stores what a worker has sent. */
  set(worker: WorkerProcess, metrics: unknown): void {
    if (Array.isArray(metrics)) this.#last.set(worker, metrics as WorkerMetrics);
  }

  /** The worker has exited: its counts stay in the sums. */
  addStopped(worker: WorkerProcess): void {
    const last = this.#last.get(worker);
    if (!last) return;
    this.#last.delete(worker);
    const counts = last.filter(({ type }) => ['counter', 'histogram', 'summary'].includes(String(type)));
    this.#stopped = this.#stopped.then((before) => addUp([before, counts]).catch(() => before));
  }

  async #query(worker: WorkerProcess): Promise<WorkerMetrics> {
    const before = this.#last.get(worker) ?? [];
    if (worker.phase === 'booting') return before;
    const metrics = await worker.query({ type: 'metrics' }, TIMEOUT_MS).catch(() => undefined);
    this.set(worker, metrics);
    return Array.isArray(metrics) ? (metrics as WorkerMetrics) : before;
  }
}

async function addUp(metrics: WorkerMetrics[]): Promise<WorkerMetrics> {
  return await AggregatorRegistry.aggregate(metrics).getMetricsAsJSON();
}

/** The supervisor's own metrics. */
function supervisorMetrics(status: Status, residentBytes: number): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, value: number) => {
    new Gauge({ name, help, registers }).set(value);
  };
  const counter = (name: string, help: string, label: string, counts: Record<string, number>) => {
    const metric = new Counter({ name, help, labelNames: [label], registers });
    for (const [key, count] of Object.entries(counts)) metric.inc({ [label]: key }, count);
  };
  const { counts, workers } = status;
  gauge('supervisor_target_workers', 'The wanted number of workers.', status.target);
  gauge('supervisor_generation', 'The number of times that code was loaded.', status.generation);
  gauge('supervisor_resident_memory_bytes', 'Memory of the primary.', residentBytes);
  counter('supervisor_restarts_total', 'Replaced workers by reason.', 'reason', {
    crash: counts.crashes,
    hang: counts.hangs,
    boot: counts.bootFailures,
    recycle: counts.recycled,
  });
  counter('supervisor_reloads_total', 'Rolling reloads by outcome.', 'outcome', {
    done: counts.reloads,
    aborted: counts.abortedReloads,
  });
  const states = new Gauge({
    name: 'supervisor_workers',
    help: 'Workers by state.',
    labelNames: ['state'],
    registers,
  });
  for (const state of WORKER_STATES) {
    states.set({ state }, workers.filter((worker) => worker.state === state).length);
  }
  return registry.metrics();
}
