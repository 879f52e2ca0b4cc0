import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Logger } from '../observability/logger.ts';
import { outageLog } from '../observability/outage-log.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { claimRun, type Lease } from './cluster-lock.ts';

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

/** Until a job that could not reach Redis tries again, in milliseconds; less where the job runs more often. */
const RETRY_MS = 5000;

/** From a quick look into memory to a long report. */
const DURATION_BUCKETS_SECONDS = [0.01, 0.1, 1, 10, 60, 600];

interface JobParts {
  /** Where a job that runs once over all processes has its lock; undefined: this process is the only one. */
  readonly redis: RedisConnection | undefined;
  readonly prefix: string;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Whether the process is about to stop: no further run starts. */
  readonly isDraining: () => boolean;
}

/** Runs jobs, each on its own schedule, until it is stopped. A job's runs never overlap. */
export class JobRunner {
  readonly #parts: JobParts;
  readonly #stopping = new AbortController();
  /** Fires when a run that may wait has to end too. */
  readonly #deadline = new AbortController();
  readonly #runs: Counter<'job' | 'outcome'>;
  readonly #duration: Histogram<'job'>;
  /** The jobs that were added. */
  readonly list: Job[] = [];
  #schedules: Promise<unknown>[] = [];
  #started = 0;

  constructor(parts: JobParts) {
    this.#parts = parts;
    const registers = [parts.registry];
    this.#runs = new Counter({
      name: 'job_runs_total',
      help: 'Runs of background jobs by outcome: done, failed, aborted, skipped (the run before it had not ended).',
      labelNames: ['job', 'outcome'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'job_duration_seconds',
      help: 'Duration of background jobs.',
      labelNames: ['job'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
  }

  /** @throws {Error} when a job has no proper name or period, or the name of another one. */
  add(job: Job): void {
    const { name, every } = job;
    if (!/^[a-z0-9-]{1,64}$/.test(name))
      throw new Error(`a job cannot be named "${name}": use a-z, 0-9 and -, 64 at most`);
    if (this.list.some((other) => other.name === name))
      throw new Error(`there are two jobs named "${name}": give one another name`);
    if (!(every >= 0.1 && every <= MAX_SECONDS))
      throw new Error(`the job "${name}" runs every ${every} s: use a number from 0.1 to ${MAX_SECONDS}`);
    this.list.push(job);
  }

  /** Starts the jobs that were added, unless the process is stopping already. */
  start(): void {
    if (this.#stopping.signal.aborted) return;
    this.#schedules = this.list.map((job) => this.#schedule(job));
  }

  /**
   * Starts no more runs, and waits for those that are under way: their signals fire, at once or at the deadline.
   *
   * @param deadline - fires when there is no more time.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    const reason = new Error('the process stops');
    const abort = () => {
      this.#deadline.abort(reason);
    };
    deadline.addEventListener('abort', abort, { once: true });
    if (deadline.aborted) abort();
    this.#stopping.abort(reason);
    await Promise.all(this.#schedules);
  }

  async #schedule(job: Job): Promise<void> {
    const { signal } = this.#stopping;
    const log = outageLog(this.#parts.logger.child({ job: job.name }), {
      failed: 'job waits for redis',
      worked: 'job runs again',
    });
    while (!signal.aborted && !this.#parts.isDraining()) {
      let waitMs = Math.min(RETRY_MS, job.every * 1000);
      try {
        waitMs = await this.#turn(job);
        log.worked();
      } catch (error) {
        log.failed(error);
      }
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /**
   * Runs the job if it is due.
   *
   * @returns milliseconds until it may be due again.
   * @throws what ioredis throws when Redis cannot be asked whether it is due.
   */
  async #turn(job: Job): Promise<number> {
    const everyMs = job.every * 1000;
    const startedAt = performance.now();
    const { redis, prefix } = this.#parts;
    if (redis === undefined || job.once === 'process') await this.#run(job);
    else {
      const claimed = await claimRun(redis.client, `${prefix}job:${job.name}`, everyMs);
      if (typeof claimed === 'number') {
        if (claimed > 0) return claimed;
        this.#runs.inc({ job: job.name, outcome: 'skipped' });
        return everyMs;
      }
      await this.#run(job, claimed);
      await claimed.release();
    }
    const ranMs = performance.now() - startedAt;
    const skipped = Math.floor(ranMs / everyMs);
    if (skipped > 0) this.#runs.inc({ job: job.name, outcome: 'skipped' }, skipped);
    return everyMs * (skipped + 1) - ranMs;
  }

  async #run(job: Job, lease?: Lease): Promise<void> {
    const { logger } = this.#parts;
    const fence = lease?.fence ?? ++this.#started;
    const stop = job.onStop === 'wait' ? this.#deadline.signal : this.#stopping.signal;
    const signal = AbortSignal.any(lease ? [stop, lease.lost] : [stop]);
    const end = this.#duration.startTimer({ job: job.name });
    let outcome = 'done';
    try {
      await job.run(signal, { fence });
    } catch (error) {
      outcome = signal.aborted ? 'aborted' : 'failed';
      if (outcome === 'failed') logger.error({ job: job.name, err: error }, 'job failed');
      else logger.info({ job: job.name, reason: (signal.reason as Error).message }, 'job aborted');
    }
    this.#runs.inc({ job: job.name, outcome });
    logger.debug({ job: job.name, seconds: end(), outcome }, 'job ran');
  }
}
