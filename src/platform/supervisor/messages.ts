/** What a worker reports about itself once a second. */
export interface Heartbeat {
  readonly rssBytes: number;
  /** Share of the last second in which the event loop was busy, 0 to 1. */
  readonly utilization: number;
  /** Delay of the event loop's timers in the last second, in milliseconds (99th percentile). */
  readonly delayMs: number;
  /** Requests answered since the start. */
  readonly requests: number;
  /** Requests in progress. */
  readonly inFlight: number;
}

/** What the primary can ask of a worker; the result comes as a `reply` with the same id. */
export type Query =
  | { readonly type: 'metrics' }
  | { readonly type: 'cpu-profile'; readonly seconds: number; readonly file: string }
  | { readonly type: 'heap-snapshot'; readonly file: string };

/** From the primary to a worker. Workers of a newer release receive them too: add, but don't change. */
export type ToWorker =
  /** `delay`: whether DRAIN_DELAY_SECONDS counts; not while other workers keep serving. */
  | { readonly type: 'drain'; readonly reason: string; readonly delay: boolean }
  | { readonly type: 'force' }
  | { readonly type: 'log-level'; readonly level: string }
  | (Query & { readonly id: number });

export interface Reply {
  readonly type: 'reply';
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** From a worker to the primary. */
export type ToPrimary =
  /** It listens for messages. Node drops those that arrive earlier. */
  | { readonly type: 'joined' }
  | { readonly type: 'ready' }
  | { readonly type: 'heartbeat'; readonly heartbeat: Heartbeat }
  /** It exits because of an uncaught error, and finishes its requests first. */
  | { readonly type: 'fatal'; readonly message: string }
  /** It has drained, and exits. */
  | { readonly type: 'final-metrics'; readonly metrics: unknown }
  | Reply;

/** Others use the same channel (PM2's messages are strings): what is not ours is left alone. */
export function isOurs(message: unknown): message is ToWorker | ToPrimary {
  return typeof message === 'object' && message !== null && 'type' in message;
}

/** What `npm run ctl` can ask of the primary. */
export const COMMANDS = [
  'status',
  'reload',
  'scale',
  'stop',
  'cpu-profile',
  'heap-snapshot',
  'log-level',
] as const;

export type Command = (typeof COMMANDS)[number];

export function isCommand(word: string | undefined): word is Command {
  return COMMANDS.some((command) => command === word);
}
