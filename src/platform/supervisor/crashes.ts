/** Milliseconds between a crash and the next try: doubling from 100 to 30,000. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;

/** Within so many milliseconds the crashes of CRASH_LIMIT must have happened. */
const LIMIT_WINDOW_MS = 60_000;

/**
 * Milliseconds until a crashed worker is replaced. The first time at once; then longer each time, so that a worker that
 * can't live costs no CPU and no log; with up to a quarter of jitter, so that machines don't come in step.
 *
 * @param streak - how many crashes there were soon after a start, this one counted.
 */
export function respawnDelayMs(streak: number, random: () => number = Math.random): number {
  if (streak <= 1) return 0;
  return Math.min(FIRST_DELAY_MS * 2 ** (streak - 2), MAX_DELAY_MS) * (1 + random() / 4);
}

export interface CrashRules {
  /** A worker that lived so long has not crashed at its start. */
  readonly minUptimeMs: number;
  /** So many crashes in a minute are too many. */
  readonly limit: number;
  readonly random?: () => number;
}

/** Remembers crashes: when a slot may be tried again, and when there were too many. */
export class Crashes {
  readonly #rules: CrashRules;
  readonly #respawnAt = new Map<number, number>();
  #recent: number[] = [];
  #streak = 0;

  constructor(rules: CrashRules) {
    this.#rules = rules;
  }

  /**
   * Notes a crash.
   *
   * @param now - the time in milliseconds, of the supervisor's clock.
   * @param uptimeMs - how long the worker lived.
   */
  note(slot: number, now: number, uptimeMs: number): void {
    this.#recent = [...this.#recent.filter((at) => now - at < LIMIT_WINDOW_MS), now];
    if (uptimeMs >= this.#rules.minUptimeMs) {
      this.#respawnAt.delete(slot);
      return;
    }
    this.#streak += 1;
    // One after the other: with many slots that all crash, waiting in parallel would be no waiting.
    const previous = Math.max(now, ...this.#respawnAt.values());
    this.#respawnAt.set(slot, previous + respawnDelayMs(this.#streak, this.#rules.random));
  }

  /** When the slot may have a worker again; 0 where nothing crashed. */
  respawnAt(slot: number): number {
    return this.#respawnAt.get(slot) ?? 0;
  }

  /** Whether there were too many, the last minute seen. */
  tooMany(now: number): boolean {
    return this.#recent.filter((at) => now - at < LIMIT_WINDOW_MS).length >= this.#rules.limit;
  }

  /**
   * To be called while every slot serves: after a while of that, what was is forgotten.
   *
   * @param since - when the last of them began to serve.
   */
  allServing(now: number, since: number): void {
    if (now - since >= this.#rules.minUptimeMs) this.forgive();
  }

  /** What a person asks for is tried at once, whatever was before. */
  forgive(): void {
    this.#streak = 0;
    this.#respawnAt.clear();
  }
}
