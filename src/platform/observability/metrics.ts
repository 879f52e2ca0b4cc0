import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of a process, in a registry of its own: no globals, so tests run many apps side by side. */
export interface Metrics {
  readonly registry: Registry;
  /** Seconds from the first byte of a request to the last of its response. */
  readonly requestDuration: Histogram<'method' | 'route' | 'status'>;
  /** Look-ups in the cache by outcome: hit, stale, miss. */
  readonly cacheLookups: Counter<'state'>;
  readonly loginFailures: Counter<'reason'>;
  /** 1 while Redis responds, 0 while it is away; absent with the memory store. */
  readonly redisUp: Gauge;
}

/** From 1 ms, below which a difference does not matter to anyone, to 10 s, beyond which requests are cut. */
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** @param options.defaults - whether to measure the process too (event-loop delay, memory, GC, handles). */
export function createMetrics({ defaults = true } = {}): Metrics {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requestDuration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Duration of HTTP requests by route, method and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    }),
    cacheLookups: new Counter({
      name: 'cache_lookups_total',
      help: 'Look-ups in the response cache by outcome.',
      labelNames: ['state'],
      registers,
    }),
    loginFailures: new Counter({
      name: 'login_failures_total',
      help: 'Failed logins by reason.',
      labelNames: ['reason'],
      registers,
    }),
    redisUp: new Gauge({
      name: 'redis_up',
      help: 'Whether Redis responds (1) or is away (0).',
      registers,
      // The average of the workers would read as half a Redis; the lowest shows that one of them is cut off.
      aggregator: 'min',
    }),
  };
}
