import type { ErrorRow, Report } from '../operations/index.ts';

/** What a worker reports about itself once a second. */
export interface Heartbeat {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** CPUs in use in the last second: 1 is one CPU. */
  readonly cpu: number;
  /** Share of the last second in which the event loop was busy, 0 to 1. */
  readonly utilization: number;
  /** Delay of the event loop's timers in the last second, in milliseconds (99th percentile). */
  readonly delayMs: number;
  /** Requests answered since the start. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Requests in progress. */
  readonly inFlight: number;
}

/** What the primary can ask of a worker; the result comes as a `reply` with the same id. */
export type Query = { readonly type: 'metrics' } | Diagnosis;

/** What a process can write about itself, into a file that it makes. */
export type Diagnosis =
  | { readonly type: 'cpu-profile'; readonly seconds: number; readonly file: string }
  | { readonly type: 'heap-sample'; readonly seconds: number; readonly file: string }
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
  | { readonly type: 'heartbeat'; readonly heartbeat: Heartbeat; readonly report?: Report | undefined }
  /** A request failed. */
  | { readonly type: 'error'; readonly error: ErrorRow }
  /** It exits because of an uncaught error, and finishes its requests first. The stack is sent in development only. */
  | { readonly type: 'fatal'; readonly message: string; readonly stack?: string | undefined }
  /** It has drained, and exits. */
  | { readonly type: 'final-metrics'; readonly metrics: unknown; readonly report?: Report | undefined }
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
  'recycle',
  'stop',
  'cpu-profile',
  'heap-sample',
  'heap-snapshot',
  'log-level',
  'admin',
] as const;

export type Command = (typeof COMMANDS)[number];

export function isCommand(word: string | undefined): word is Command {
  return COMMANDS.some((command) => command === word);
}
