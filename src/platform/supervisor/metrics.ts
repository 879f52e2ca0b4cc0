import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { MetricsSource } from '../observability/admin.ts';
import { residentMemory } from '../observability/resident-memory.ts';
import type { Status } from './status.ts';
import type { WorkerProcess } from './worker-process.ts';

/** How long a scrape waits for a worker that hangs, in milliseconds. */
const TIMEOUT_MS = 2000;

const WORKER_STATES = ['booting', 'ready', 'hung', 'stopping'] as const;

/** Types whose values only grow. */
const COUNTING_TYPES = ['counter', 'histogram', 'summary'];

type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[];

/**
 * The metrics of all workers added up, and the supervisor's own, in one scrape.
 *
 * The sums keep what a stopped worker has counted: a sum that falls looks to Prometheus like a restart of everything, and
 * makes `rate()` jump. So a worker sends its counts before it exits; of one that crashed the last scrape counts.
 */
export class ClusterMetrics implements MetricsSource {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #supervisor: { readonly workers: readonly WorkerProcess[]; readonly status: Status };
  readonly #residentBytes = residentMemory();
  #stopped: Promise<WorkerMetrics> = Promise.resolve([]);

  constructor(supervisor: { readonly workers: readonly WorkerProcess[]; readonly status: Status }) {
    this.#supervisor = supervisor;
  }

  async metrics(): Promise<string> {
    // All at this moment: a worker that exits during the scrape counts once.
    const { workers } = this.#supervisor;
    const all = await Promise.all([this.#stopped, ...workers.map(metricsOf)]);
    const sum = await AggregatorRegistry.aggregate(all).metrics();
    return `${sum}\n${await supervisorMetrics(this.#supervisor.status, this.#residentBytes())}`;
  }

  /** Keeps the counts of a worker that has exited. */
  addStopped(metrics: unknown): void {
    const counts = asMetrics(metrics).filter(({ type }) => COUNTING_TYPES.includes(String(type)));
    this.#stopped = this.#stopped.then((before) => addUp([before, counts]).catch(() => before));
  }
}

/** What a worker that does not reply sent last stands for it. */
async function metricsOf(worker: WorkerProcess): Promise<WorkerMetrics> {
  const before = asMetrics(worker.metrics);
  if (worker.phase === 'booting') return before;
  try {
    worker.metrics = await worker.query({ type: 'metrics' }, TIMEOUT_MS);
    return asMetrics(worker.metrics);
  } catch {
    return before;
  }
}

function asMetrics(metrics: unknown): WorkerMetrics {
  return Array.isArray(metrics) ? (metrics as WorkerMetrics) : [];
}

async function addUp(metrics: WorkerMetrics[]): Promise<WorkerMetrics> {
  return AggregatorRegistry.aggregate(metrics).getMetricsAsJSON();
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
