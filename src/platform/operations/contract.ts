/** What the operations page gets: its events, and the names of its actions. Times are milliseconds since 1970. */

export const ACTIONS = [
  'reload',
  'scale',
  'log-level',
  'recycle',
  'cpu-profile',
  'heap-sample',
  'heap-snapshot',
] as const;

export type ActionName = (typeof ACTIONS)[number];

/** One second of the app. */
export interface Sample {
  readonly at: number;
  readonly responses: Readonly<Record<StatusClass, number>>;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly inFlight: number;
  /** CPUs in use, the primary's share included. */
  readonly cpu: number;
  readonly rssBytes: number;
  /** The mean of the workers, 0 to 1. */
  readonly utilization: number;
  /** The worst worker's. */
  readonly delayMs: number;
  readonly cacheHitRatio: number | null;
}

export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

export interface WorkerRow {
  readonly slot: number;
  readonly pid?: number | undefined;
  readonly state: string;
  readonly generation: number;
  readonly uptimeSeconds: number;
  readonly cpu?: number;
  readonly rssBytes?: number;
  readonly heapBytes?: number;
  readonly utilization?: number;
  readonly delayMs?: number;
  readonly requestsPerSecond?: number;
  readonly inFlight?: number;
}

/** Since the start of the app; `perSecond` is of the last second. */
export interface RouteRow {
  readonly method: string;
  readonly route: string;
  readonly perSecond: number;
  readonly requests: number;
  /** 5xx. */
  readonly errors: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly slowestMs: number | null;
}

export interface ErrorRow {
  readonly at: number;
  readonly kind: 'error' | 'crash';
  readonly code: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly method?: string;
  readonly route?: string;
  readonly slot?: number;
  /** In development only, as the stack. */
  readonly message?: string | undefined;
  readonly stack?: string | undefined;
}

export interface RestartRow {
  readonly at: number;
  readonly slot: number;
  readonly pid?: number | undefined;
  readonly reason: string;
}

export interface ReloadRow {
  readonly at: number;
  readonly ok: boolean;
  readonly generation: number;
  /** Who asked for it. */
  readonly source: string;
  readonly seconds: number;
  readonly reason?: string | undefined;
}

export interface StoreState {
  readonly up: boolean;
  readonly latencyMs: number | null;
}

export interface StoreStates {
  readonly kind: string;
  /** null: the store is in memory. */
  readonly redis: StoreState | null;
  readonly sessions: StoreState;
}

export interface ConfigRow {
  readonly name: string;
  /** null: a secret that is set. Empty: not set. */
  readonly value: string | null;
  readonly source: 'default' | 'environment' | '.env' | 'file' | 'generated';
}

export interface Facts {
  readonly name: string;
  readonly version: string;
  readonly commit?: string | undefined;
  readonly node: string;
  readonly env: string;
  readonly mode: 'cluster' | 'pm2' | 'single';
  readonly startedAt: number;
  readonly config: readonly ConfigRow[];
  readonly actions: Readonly<
    Record<ActionName, { readonly available: boolean; readonly reason?: string | undefined }>
  >;
  readonly logLevels: readonly string[];
  readonly maxWorkers: number;
}

/** What a cluster, or a single process, is doing. */
export interface Fleet {
  readonly state: string;
  readonly generation: number;
  readonly target: number;
  readonly ready: number;
  readonly workers: readonly WorkerRow[];
}

export interface Live extends Fleet {
  readonly sample: Sample;
  readonly logLevel: string;
  readonly routes: readonly RouteRow[];
  readonly stores: StoreStates;
  /** The newest first, as the restarts and reloads. */
  readonly errors: readonly ErrorRow[];
  readonly restarts: readonly RestartRow[];
  readonly reloads: readonly ReloadRow[];
}

/** What a process has done since its last report. */
export interface Report {
  readonly routes: readonly RouteReport[];
  readonly cache: { readonly hits: number; readonly lookups: number };
  readonly stores: StoreStates;
}

export interface RouteReport {
  readonly method: string;
  readonly route: string;
  /** By class, as STATUS_CLASSES. */
  readonly statuses: readonly number[];
  readonly slowestMs: number;
  /** Pairs: the index of a bucket (durations.ts), and its count. */
  readonly buckets: readonly (readonly [index: number, count: number])[];
}
