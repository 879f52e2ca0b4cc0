import { messageOf, stackOf } from '../observability/plain.ts';
import { STATUS_CLASSES, type ErrorRow, type Report, type StoreStates } from './contract.ts';
import { bucketOf } from './durations.ts';

/** A finished response. */
export interface ServedResponse {
  readonly method: string;
  /** The pattern, not the path. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  readonly code: string | undefined;
  readonly requestId: unknown;
  /** Why it failed; undefined where it did not, or was shed on purpose. */
  readonly error: unknown;
}

export interface ActivityOptions {
  /** Whether errors have their message and stack: in development. */
  readonly exposeErrors: boolean;
  readonly stores: () => StoreStates;
  /** The cache's look-ups since the start, by outcome. */
  readonly lookups: () => Promise<{ hits: number; lookups: number }>;
}

/** More are not reported in one second: a page shows the last 50. */
const MAX_ERRORS_PER_SECOND = 20;

/** A route's name is a pattern of the app's own; this bounds a strange one, in characters. */
const MAX_ROUTE = 200;

interface RouteCounts {
  readonly method: string;
  readonly route: string;
  readonly statuses: number[];
  readonly buckets: Map<number, number>;
  slowestMs: number;
}

/**
 * Counts what a process does, for the operations page. Reports are differences: small, and added up in the primary. To
 * send all metrics each second in their place takes a worker 1 ms of CPU and 200 kB.
 */
export class Activity {
  readonly exposeErrors: boolean;
  readonly #options: ActivityOptions;
  #routes = new Map<string, RouteCounts>();
  #errors = 0;
  #reported = { hits: 0, lookups: 0 };
  #latest = { hits: 0, lookups: 0 };
  #onError: (error: ErrorRow) => void = () => undefined;

  constructor(options: ActivityOptions) {
    this.#options = options;
    this.exposeErrors = options.exposeErrors;
  }

  /** Calls back for each request that failed. */
  onError(listener: (error: ErrorRow) => void): void {
    this.#onError = listener;
  }

  add(response: ServedResponse): void {
    const { method, status, ms } = response;
    const key = `${method} ${response.route}`;
    let counts = this.#routes.get(key);
    if (!counts) {
      const route = response.route.slice(0, MAX_ROUTE);
      counts = { method, route, statuses: [0, 0, 0, 0], buckets: new Map(), slowestMs: 0 };
      this.#routes.set(key, counts);
    }
    const statusClass = Math.max(0, Math.min(STATUS_CLASSES.length - 1, Math.floor(status / 100) - 2));
    counts.statuses[statusClass] = (counts.statuses[statusClass] ?? 0) + 1;
    const bucket = bucketOf(ms);
    counts.buckets.set(bucket, (counts.buckets.get(bucket) ?? 0) + 1);
    counts.slowestMs = Math.max(counts.slowestMs, ms);
    // What was shed on purpose (503) is no error in the log either.
    if (response.error || (status >= 500 && status !== 503)) this.#report(response);
  }

  /** What has happened since the last call. */
  take(): Report {
    const routes = [...this.#routes.values()].map(({ buckets, slowestMs, ...rest }) => ({
      ...rest,
      slowestMs: Math.round(slowestMs * 10) / 10,
      buckets: [...buckets],
    }));
    this.#routes = new Map();
    this.#errors = 0;
    const cache = {
      hits: this.#latest.hits - this.#reported.hits,
      lookups: this.#latest.lookups - this.#reported.lookups,
    };
    this.#reported = this.#latest;
    void this.#options.lookups().then((latest) => (this.#latest = latest));
    return { routes, cache, stores: this.#options.stores() };
  }

  #report({ route, status, method, code, requestId, error }: ServedResponse): void {
    if (++this.#errors > MAX_ERRORS_PER_SECOND) return;
    const thrown = error as Error | undefined;
    this.#onError({
      at: Date.now(),
      kind: 'error',
      code: code ?? String(status),
      status,
      requestId: String(requestId),
      method,
      route: route.slice(0, MAX_ROUTE),
      ...(this.exposeErrors && thrown && { message: messageOf(thrown), stack: stackOf(thrown) }),
    });
  }
}
