/** What a worker tells about itself once a second. */
export interface Beat {
  readonly rssBytes: number;
  /** How busy the event loop was since the last beat, 0 to 1. */
  readonly utilization: number;
  /** How late the event loop came to its timers since the last beat, in milliseconds (99th percentile). */
  readonly delayMs: number;
  /** Answered since the start. */
  readonly requests: number;
  /** Being answered now. */
  readonly inFlight: number;
}

/** What the primary can ask a worker for; the answer comes as a `reply` with the same id. */
export type Question =
  | { readonly type: 'metrics' }
  | { readonly type: 'cpu-profile'; readonly seconds: number; readonly file: string }
  | { readonly type: 'heap-snapshot'; readonly file: string };

/** From the primary to a worker. Workers of a newer release get them too: add, but don't change. */
export type ToWorker =
  /** `delay`: whether DRAIN_DELAY_SECONDS counts. Not while others go on serving: balancers have nothing to see. */
  | { readonly type: 'drain'; readonly reason: string; readonly delay: boolean }
  | { readonly type: 'force' }
  | { readonly type: 'log-level'; readonly level: string }
  | (Question & { readonly id: number });

/** From a worker to the primary. */
export type ToPrimary =
  /** It hears from now on. What it was told before went to nobody: Node takes messages from a worker's first moment. */
  | { readonly type: 'joined' }
  | { readonly type: 'ready' }
  | { readonly type: 'beat'; readonly beat: Beat }
  /** It is dying of an uncaught error, and finishes its requests. */
  | { readonly type: 'fatal'; readonly message: string }
  /** It leaves by its own decision: it has drained, or was cut off. */
  | { readonly type: 'leaving'; readonly metrics: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly value?: unknown; readonly error?: string };

/** Messages of others come by the same channel (PM2's are strings): those that aren't ours are left alone. */
export function isOurs(message: unknown): message is ToWorker | ToPrimary {
  return typeof message === 'object' && message !== null && 'type' in message;
}
