import { EXIT_BAD_CONFIG } from '../config/config-error.ts';
import type { WorkerPhase } from './policy.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** It could not be started: the system lacks memory or processes. */
  readonly error?: Error;
}

export type FailureKind = keyof typeof COUNTED_AS;

const COUNTED_AS = { crash: 'crashes', hang: 'hangs', boot: 'bootFailures' } as const;

/** Milliseconds between a crash and the next try: doubling from 100 to 30,000. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;

/** The period in which CRASH_LIMIT counts, in milliseconds. */
const LIMIT_PERIOD_MS = 60_000;

/** What a terminal or a service manager sends to the whole process group. */
const GROUP_SIGNALS: readonly (string | null)[] = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'];

/**
 * Milliseconds until a crashed worker is replaced. The first time at once, then longer each time, so that a worker that
 * cannot start costs little CPU and log; with up to a quarter of jitter, so that machines do not retry at the same time.
 *
 * @param streak - the number of crashes soon after a start, this one included.
 */
export function respawnDelayMs(streak: number, random: () => number = Math.random): number {
  if (streak <= 1) return 0;
  return Math.min(FIRST_DELAY_MS * 2 ** (streak - 2), MAX_DELAY_MS) * (1 + random() / 4);
}

/** Counts failures: when a slot may be tried again, and whether there were too many. */
export class Failures {
  readonly counts = { crashes: 0, hangs: 0, bootFailures: 0 };
  readonly #options: { readonly minUptimeMs: number; readonly limit: number; readonly random?: () => number };
  readonly #respawnAt = new Map<number, number>();
  #recent: number[] = [];
  #streak = 0;

  /**
   * @param options.minUptimeMs - a worker that served this long did not fail at its start.
   * @param options.limit - the number of failures in a minute that are too many.
   */
  constructor(options: { minUptimeMs: number; limit: number; random?: () => number }) {
    this.#options = options;
  }

  /**
   * @param now - milliseconds of the supervisor's clock.
   * @param uptimeMs - how long the worker was ready.
   */
  add(kind: FailureKind, slot: number, now: number, uptimeMs: number): void {
    this.counts[COUNTED_AS[kind]] += 1;
    this.#recent = [...this.#recent.filter((at) => now - at < LIMIT_PERIOD_MS), now];
    if (uptimeMs >= this.#options.minUptimeMs) {
      this.#respawnAt.delete(slot);
      return;
    }
    this.#streak += 1;
    // One after the other: many slots that all wait in parallel would be as many tries.
    const previous = Math.max(now, ...this.#respawnAt.values());
    this.#respawnAt.set(slot, previous + respawnDelayMs(this.#streak, this.#options.random));
  }

  /** When the slot may have a worker again; 0 where nothing failed. */
  respawnAt(slot: number): number {
    return this.#respawnAt.get(slot) ?? 0;
  }

  isLimitReached(now: number): boolean {
    return this.#recent.filter((at) => now - at < LIMIT_PERIOD_MS).length >= this.#options.limit;
  }

  /** The next try comes at once: all serve again, or an operator asked for something. */
  reset(): void {
    this.#streak = 0;
    this.#respawnAt.clear();
  }
}

/** How a worker ended, for the log. */
export function describeExit({ code, signal, error }: Exit): string {
  if (error) return `could not be started: ${error.message}`;
  if (signal === 'SIGKILL') return 'was killed by SIGKILL: out of memory?';
  if (signal) return `was killed by ${signal}`;
  if (code === EXIT_BAD_CONFIG) return `exited with ${code}: its configuration is wrong`;
  return `exited with ${String(code)}`;
}

/** Whether a signal to the process group ended a worker that had no handler yet: then its code did not fail. */
export function isGroupSignal({ signal }: Exit, phase: WorkerPhase): boolean {
  return phase === 'booting' && GROUP_SIGNALS.includes(signal);
}
