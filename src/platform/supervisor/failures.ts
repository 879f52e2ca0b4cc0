import { EXIT_BAD_CONFIG } from '../config/config-error.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { Crashes } from './crashes.ts';
import type { Logger } from '../observability/logger.ts';
import type { WorkerView } from './policy.ts';
import type { Exit, WorkerProcess } from './worker-process.ts';

/** Exit codes of the primary beside 0 (told to stop) and 78 (bad configuration). */
const EXIT_GAVE_UP = 1;
export const EXIT_NO_BOOT = 3;

const COUNTED_AS = { crash: 'crashes', hang: 'hangs', boot: 'bootFailures' } as const;

/** A worker that ended, or has to, although nobody wanted it to. */
export interface Failure {
  readonly kind: 'crash' | 'hang' | 'boot';
  readonly reason: string;
  readonly exitCode?: number | null;
}

/** Who failed. */
export type Failed = Pick<WorkerView, 'slot' | 'generation' | 'readyAt'>;

/** What stands around a failure. */
export interface Circumstances {
  readonly now: number;
  /** Whether any worker was ready since the start. */
  readonly everReady: boolean;
  /** Whether any worker serves. */
  readonly serving: boolean;
  /** Whether the listening socket is systemd's. Node closes it with the last worker, and can't open it again. */
  readonly borrowedSocket: boolean;
}

/** Counts failures, and decides what follows: when to try again, and when there is no sense in it any more. */
export class Failures {
  readonly counts = { crashes: 0, hangs: 0, bootFailures: 0 };
  readonly #crashes: Crashes;

  constructor({
    MIN_UPTIME_SECONDS,
    CRASH_LIMIT,
  }: Pick<PlatformConfig, 'MIN_UPTIME_SECONDS' | 'CRASH_LIMIT'>) {
    this.#crashes = new Crashes({ minUptimeMs: MIN_UPTIME_SECONDS * 1000, limit: CRASH_LIMIT });
  }

  /** @returns the code to exit with; undefined: try again. While one worker serves there is always sense in it. */
  note(worker: Failed, failure: Failure, circumstances: Circumstances): number | undefined {
    const { now, everReady, serving, borrowedSocket } = circumstances;
    this.counts[COUNTED_AS[failure.kind]] += 1;
    this.#crashes.note(worker.slot, now, Math.max(0, now - worker.readyAt));
    if (!everReady) return failure.exitCode === EXIT_BAD_CONFIG ? EXIT_BAD_CONFIG : EXIT_NO_BOOT;
    return !serving && (borrowedSocket || this.#crashes.tooMany(now)) ? EXIT_GAVE_UP : undefined;
  }

  /** When the slot may be tried again, in milliseconds of the supervisor's clock. */
  respawnAt(slot: number): number {
    return this.#crashes.respawnAt(slot);
  }

  /** To be called while every slot serves, with the time since when. */
  allServing(now: number, since: number): void {
    this.#crashes.allServing(now, since);
  }

  forgive(): void {
    this.#crashes.forgive();
  }
}

/** How a worker ended, for people. */
export function describeExit({ code, signal, error }: Exit): string {
  if (error) return `could not be started: ${error.message}`;
  if (signal === 'SIGKILL') return 'was killed by SIGKILL: out of memory?';
  if (signal) return `was killed by ${signal}`;
  if (code === EXIT_BAD_CONFIG) return `exited with ${code}: its configuration is wrong`;
  return `exited with ${String(code)}`;
}

/** One line for each worker that serves. */
export function logReady(logger: Logger, worker: WorkerProcess): void {
  logger.info({ ...worker.name, seconds: secondsBetween(worker.forkedAt, worker.readyAt) }, 'worker ready');
}

/** One line for each worker that ended. */
export function logExit(logger: Logger, worker: WorkerProcess, exit: Exit, now: number): void {
  const line = { ...worker.name, ...exit, seconds: secondsBetween(worker.forkedAt, now) };
  if (worker.phase === 'leaving') logger.info(line, 'worker left');
  else logger.error({ ...line, reason: describeExit(exit) }, 'worker crashed');
}

/** Signals that a terminal or a service manager sends to the whole process group. */
const GROUP_SIGNALS: readonly (string | null)[] = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'];

/**
 * Whether a worker was hit by a signal that was meant for the primary: while it boots it has no handler yet. It is no
 * fault of its code.
 */
export function wasHitByStray({ signal }: Exit, phase: string): boolean {
  return phase === 'booting' && GROUP_SIGNALS.includes(signal);
}

function secondsBetween(from: number, to: number): number {
  return Math.round(to - from) / 1000;
}
