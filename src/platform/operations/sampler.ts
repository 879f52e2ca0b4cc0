import {
  STATUS_CLASSES,
  type Fleet,
  type Report,
  type RouteReport,
  type RouteRow,
  type Sample,
} from './contract.ts';
import { BUCKETS, percentile } from './durations.ts';

/** Ten minutes. */
const MAX_SAMPLES = 600;

/** Beyond these, all are one row: a page of more is of no use, and clients may invent some. */
const MAX_ROUTES = 1000;

/** What a process itself uses: of the primary, which is no worker. */
export interface ProcessUse {
  readonly cpu: number;
  readonly rssBytes: number;
}

const NOTHING: ProcessUse = { cpu: 0, rssBytes: 0 };

class RouteTotals {
  readonly method: string;
  readonly route: string;
  readonly counts = new Uint32Array(BUCKETS);
  requests = 0;
  errors = 0;
  slowestMs = 0;
  /** At the last sample. */
  requestsBefore = 0;
  perSecond = 0;

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }
}

/** Adds up what the processes report: a sample per second, and totals per route. It never waits for a process. */
export class Sampler {
  readonly history: Sample[] = [];
  readonly #routes = new Map<string, RouteTotals>();
  readonly #durations = new Uint32Array(BUCKETS);
  readonly #statuses = [0, 0, 0, 0];
  #cache = { hits: 0, lookups: 0 };
  #sampledAt = 0;
  #seconds = 1;

  add({ routes, cache }: Report): void {
    for (const route of routes) this.#addRoute(route);
    this.#cache.hits += cache.hits;
    this.#cache.lookups += cache.lookups;
  }

  /**
   * @param own - what this process uses, where it is no worker.
   * @param now - milliseconds since 1970.
   */
  sample({ workers }: Pick<Fleet, 'workers'>, own: ProcessUse = NOTHING, now = Date.now()): Sample {
    // More than one where this process itself was late.
    const seconds = Math.round((now - this.#sampledAt) / 1000);
    this.#seconds = this.#sampledAt === 0 ? 1 : Math.max(1, seconds);
    this.#sampledAt = now;
    const ready = workers.filter(({ state }) => state === 'ready');
    const sumOf = (key: 'cpu' | 'rssBytes' | 'inFlight') =>
      workers.reduce((sum, worker) => sum + (worker[key] ?? 0), 0);
    const { hits, lookups } = this.#cache;
    const sample = {
      at: now,
      responses: this.#responses(),
      p50Ms: percentile(this.#durations, 0.5),
      p95Ms: percentile(this.#durations, 0.95),
      p99Ms: percentile(this.#durations, 0.99),
      inFlight: sumOf('inFlight'),
      cpu: Math.round((sumOf('cpu') + own.cpu) * 1000) / 1000,
      rssBytes: sumOf('rssBytes') + own.rssBytes,
      utilization:
        ready.reduce((sum, { utilization = 0 }) => sum + utilization, 0) / Math.max(1, ready.length),
      delayMs: Math.max(0, ...workers.map(({ delayMs = 0 }) => delayMs)),
      cacheHitRatio: lookups === 0 ? null : hits / lookups,
    };
    this.#durations.fill(0);
    this.#cache = { hits: 0, lookups: 0 };
    for (const totals of this.#routes.values()) {
      totals.perSecond = Math.round((totals.requests - totals.requestsBefore) / this.#seconds);
      totals.requestsBefore = totals.requests;
    }
    this.history.push(sample);
    if (this.history.length > MAX_SAMPLES) this.history.shift();
    return sample;
  }

  get routes(): RouteRow[] {
    return [...this.#routes.values()].map(
      ({ method, route, perSecond, requests, errors, slowestMs, counts }) => ({
        method,
        route,
        perSecond,
        requests,
        errors,
        p50Ms: percentile(counts, 0.5, slowestMs),
        p99Ms: percentile(counts, 0.99, slowestMs),
        slowestMs: requests === 0 ? null : slowestMs,
      }),
    );
  }

  #responses(): Sample['responses'] {
    const [ok = 0, redirected = 0, refused = 0, failed = 0] = this.#statuses.map((count) =>
      Math.round(count / this.#seconds),
    );
    this.#statuses.fill(0);
    return { '2xx': ok, '3xx': redirected, '4xx': refused, '5xx': failed };
  }

  #addRoute({ method, route, statuses, slowestMs, buckets }: RouteReport): void {
    const totals = this.#totalsOf(method, route);
    for (const [index, count] of buckets) {
      totals.counts[index] = (totals.counts[index] ?? 0) + count;
      this.#durations[index] = (this.#durations[index] ?? 0) + count;
    }
    for (const [index, count] of statuses.slice(0, STATUS_CLASSES.length).entries()) {
      this.#statuses[index] = (this.#statuses[index] ?? 0) + count;
      totals.requests += count;
    }
    totals.errors += statuses[3] ?? 0;
    totals.slowestMs = Math.max(totals.slowestMs, slowestMs);
  }

  #totalsOf(method: string, route: string): RouteTotals {
    const key = `${method} ${route}`;
    const known = this.#routes.get(key);
    if (known) return known;
    if (this.#routes.size >= MAX_ROUTES && route !== 'other') return this.#totalsOf('*', 'other');
    const totals = new RouteTotals(method, route);
    this.#routes.set(key, totals);
    return totals;
  }
}
