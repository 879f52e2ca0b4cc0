/** Work that runs in the background, again and again. */
export interface Job {
  /** For the log, the metrics and the lock in Redis: lower-case letters, digits and dashes. */
  readonly name: string;
  /** Seconds from the start of one run to the start of the next, at least 0.1. The first one starts with the app. */
  readonly every: number;
  /**
   * Where it runs: `cluster` (the default) in one process of all that share the Redis, `process` in each. With
   * STORE=memory there is only this process.
   */
  readonly once?: 'cluster' | 'process';
  /** What happens to a run when the process stops: its signal fires at once (the default), or at the deadline only. */
  readonly onStop?: 'abort' | 'wait';
  /**
   * Does the work. What it throws is logged and counted, and the next run starts all the same.
   *
   * @param signal - fires when the run has to end: the process stops, or another process took the job over.
   * @param context - `fence` grows with each run of a `cluster` job. A store that refuses what comes with a smaller number
   *   than it has seen is safe from a run that was suspended and resumes late.
   */
  run(signal: AbortSignal, context: { readonly fence: number }): unknown;
}

/** The longest time that a timer of Node's can wait, in seconds. */
const MAX_SECONDS = 2_147_483;

/** @throws {Error} that says what is wrong with a job, beside the others. */
export function assertJob({ name, every }: Job, others: readonly Job[]): void {
  if (!/^[a-z0-9-]{1,64}$/.test(name))
    throw new Error(`a job cannot be named "${name}": use a-z, 0-9 and -, 64 at most`);
  if (others.some((other) => other.name === name))
    throw new Error(`there are two jobs named "${name}": give one another name`);
  if (!(every >= 0.1 && every <= MAX_SECONDS))
    throw new Error(`the job "${name}" runs every ${every} s: use a number from 0.1 to ${MAX_SECONDS}`);
}
