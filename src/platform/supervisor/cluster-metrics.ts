import { AggregatorRegistry, Registry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import type { MetricsSource } from '../observability/admin.ts';
import type { Status } from './status.ts';
import { supervisorMetrics } from './supervisor-metrics.ts';
import type { WorkerProcess } from './worker-process.ts';

/** How long one worker may take to tell its metrics, in milliseconds; a scrape must not wait for one that hangs. */
const TIMEOUT_MS = 2000;

type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[];

/**
 * The metrics of all workers added up, and the supervisor's own, in one scrape.
 *
 * What a worker has counted must not be gone with it: a sum that falls looks to Prometheus like a restart of everything,
 * and makes `rate()` jump by all that the others ever counted. So a worker tells its counts before it leaves, and they
 * stay in the sum. Of one that crashed the last scrape stays.
 */
export class ClusterMetrics implements MetricsSource {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #workers: () => readonly WorkerProcess[];
  readonly #own: Registry;
  readonly #last = new WeakMap<WorkerProcess, WorkerMetrics>();
  #gone: WorkerMetrics = [];

  constructor(supervisor: { readonly workers: readonly WorkerProcess[]; readonly status: Status }) {
    this.#workers = () => supervisor.workers;
    this.#own = supervisorMetrics(() => supervisor.status);
  }

  async metrics(): Promise<string> {
    // Taken before the workers are asked: one that leaves meanwhile must not count twice.
    const gone = this.#gone;
    const told = await Promise.all(this.#workers().map((worker) => this.#ask(worker)));
    const sum = AggregatorRegistry.aggregate([gone, ...told]);
    return `${await sum.metrics()}\n${await this.#own.metrics()}`;
  }

  /** What a worker tells last. */
  remember(worker: WorkerProcess, metrics: unknown): void {
    if (Array.isArray(metrics)) this.#last.set(worker, metrics as WorkerMetrics);
  }

  /** The worker has ended: what it counted stays. */
  keep(worker: WorkerProcess): void {
    const last = this.#last.get(worker);
    if (!last) return;
    this.#last.delete(worker);
    const counts = last.filter(({ type }) => ['counter', 'histogram', 'summary'].includes(String(type)));
    this.#gone = readAll(AggregatorRegistry.aggregate([this.#gone, counts]));
  }

  async #ask(worker: WorkerProcess): Promise<WorkerMetrics> {
    const before = this.#last.get(worker) ?? [];
    if (worker.phase === 'booting') return before;
    const told = await worker.ask({ type: 'metrics' }, TIMEOUT_MS).catch(() => undefined);
    this.remember(worker, told);
    return Array.isArray(told) ? (told as WorkerMetrics) : before;
  }
}

/** `getMetricsAsJSON` without its wait: what was added up has its values already. */
function readAll(registry: Registry): WorkerMetrics {
  const metrics: unknown[] = registry.getMetricsAsArray();
  return metrics.map((metric) => (metric as { get(): WorkerMetrics[number] }).get());
}
