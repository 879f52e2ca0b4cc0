import { stopTimeoutSeconds } from './stop-timeout.ts';
import type { PlatformConfig } from '../config/settings.ts';
import type { Fork } from './fork.ts';
import { WorkerProcess, type WorkerEvents } from './worker-process.ts';

/** How long a worker still has when a stop must be quick, in milliseconds; the worker's drain knows the same figure. */
const FORCED_MS = 2000;

export interface FleetParts {
  readonly config: PlatformConfig;
  readonly fork: Fork;
  readonly events: WorkerEvents;
  /** Milliseconds of the supervisor's clock. */
  readonly now: () => number;
}

/** The workers there are, and what can be done to one: fork, drain, hurry, kill. Decides nothing. */
export class Fleet {
  readonly #parts: FleetParts;
  #workers: WorkerProcess[] = [];
  #logLevel: string | undefined;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** In the order they were forked. */
  get workers(): readonly WorkerProcess[] {
    return this.#workers;
  }

  /** @throws {Error} when the system can't give another process. */
  fork(slot: number, generation: number): void {
    const { events, fork, now } = this.#parts;
    const worker = fork(slot, this.#logLevel === undefined ? {} : { LOG_LEVEL: this.#logLevel });
    this.#workers.push(
      new WorkerProcess(
        worker,
        { slot, generation, forkedAt: now() },
        {
          message: (from, message) => {
            if (message.type === 'joined') this.#joined(from);
            events.message(from, message);
          },
          exit: (ended, exit) => {
            this.#workers = this.#workers.filter((other) => other !== ended);
            events.exit(ended, exit);
          },
        },
      ),
    );
  }

  /**
   * Has a worker leave. One that is still booting has nothing to finish, and may not hear of it before it has joined.
   *
   * @param last - whether all leave, so that the balancers in front must see it first.
   */
  drain(worker: WorkerProcess, reason: string, { last = false } = {}): void {
    const { config, now } = this.#parts;
    const patience = worker.phase === 'booting' ? config.KILL_GRACE_SECONDS : stopTimeoutSeconds(config);
    worker.phase = 'leaving';
    worker.killAt = now() + patience * 1000;
    worker.send({ type: 'drain', reason, delay: last });
  }

  /** Has all leave at the same time, and quickly if there is a hurry. */
  drainAll(reason: string, force: boolean): void {
    for (const worker of this.#workers) {
      if (worker.phase !== 'leaving') this.drain(worker, reason, { last: true });
      if (force) this.force(worker);
    }
  }

  /** It leaves by itself, in a hurry: it is dying of an error. */
  leaves(worker: WorkerProcess): void {
    worker.phase = 'leaving';
    worker.killAt = this.#parts.now() + this.#forcedMs;
  }

  force(worker: WorkerProcess): void {
    worker.killAt = Math.min(worker.killAt, this.#parts.now() + this.#forcedMs);
    worker.send({ type: 'force' });
  }

  /** A worker that outlives its signal is killed for good. */
  kill(worker: WorkerProcess, signal: NodeJS.Signals): void {
    const { config, now } = this.#parts;
    worker.phase = 'leaving';
    worker.killAt = signal === 'SIGKILL' ? Infinity : now() + config.KILL_GRACE_SECONDS * 1000;
    worker.kill(signal);
  }

  /** For the workers there are and those to come. */
  setLogLevel(level: string): void {
    this.#logLevel = level;
    for (const worker of this.#workers) worker.send({ type: 'log-level', level });
  }

  /** It hears from now on, and will serve unless it is told again to leave. */
  #joined(worker: WorkerProcess): void {
    const { config, now } = this.#parts;
    const orders = worker.takeUnheard();
    if (worker.phase === 'leaving') worker.killAt = now() + stopTimeoutSeconds(config) * 1000;
    for (const order of orders) {
      if (order.type === 'force') this.force(worker);
      else worker.send(order);
    }
  }

  get #forcedMs(): number {
    return FORCED_MS + this.#parts.config.KILL_GRACE_SECONDS * 1000;
  }
}
