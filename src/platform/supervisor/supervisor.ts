import { limitsOf } from './stop-timeout.ts';
import {
  describeExit,
  Failures,
  logExit,
  logReady,
  wasHitByStray,
  type Failed,
  type Failure,
} from './failures.ts';
import { Fleet } from './fleet.ts';
import { Loop } from './loop.ts';
import type { ToPrimary } from './messages.ts';
import { StateReporter } from './state-reporter.ts';
import { allServingSince, decide, isProven, isReloaded, nextDeadline } from './policy.ts';
import type { Action, FleetView, Limits } from './policy.ts';
import { Reloads, type ReloadResult } from './reloads.ts';
import { describeFleet, type Status } from './status.ts';
import type { SupervisorParts } from './supervisor-parts.ts';
import type { Exit, WorkerProcess } from './worker-process.ts';

/**
 * The primary's mind: keeps the wanted number of workers alive, and rolls them over without a gap.
 *
 * One loop: `#run` asks `decide` what is to be done, after every event and once a second, and does it. Signals, messages
 * and exits change what is known, and call it.
 */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #limits: Limits;
  readonly #loop: Loop;
  readonly #fleet: Fleet;
  readonly #failures: Failures;
  readonly #reporter: StateReporter;
  readonly #reloads = new Reloads();
  #target: number;
  #generation = 1;
  #everReady = false;
  #stopping = false;
  #exitCode = 0;
  #recycled = 0;

  constructor(parts: SupervisorParts) {
    const { config, detectHangs, fork, hooks, logger, target } = parts;
    this.#parts = parts;
    this.#target = target;
    this.#limits = limitsOf(config, detectHangs);
    this.#failures = new Failures(config);
    this.#reporter = new StateReporter(hooks);
    this.#loop = new Loop(logger, this.#run.bind(this));
    const events = { message: this.#onMessage.bind(this), exit: this.#onExit.bind(this) };
    this.#fleet = new Fleet({ config, fork, events, now: () => this.#loop.now });
  }

  get workers(): readonly WorkerProcess[] {
    return this.#fleet.workers;
  }

  get status(): Status {
    return describeFleet({
      fleet: this.#view,
      started: this.#reporter.started,
      now: this.#loop.now,
      limits: this.#limits,
      lastReload: this.#reloads.last,
      counts: { ...this.#failures.counts, ...this.#reloads.counts, recycled: this.#recycled },
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Replaces all workers by new ones, one at a time. When a new one fails, the old ones stay. */
  async reload(reason: string): Promise<ReloadResult> {
    if (this.#stopping) return { ok: false, generation: this.#generation, reason: 'stopping' };
    this.#parts.logger.info({ reason, queued: this.#reloads.running }, 'reload requested');
    return this.#reloads.request(this.#beginReload);
  }

  /** Sets how many workers there are to be; the caller has checked the number. */
  scale(target: number): void {
    if (target === this.#target || this.#stopping) return;
    this.#parts.logger.info({ from: this.#target, to: target }, 'scaling');
    this.#target = target;
    this.#failures.forgive();
    this.#loop.run();
  }

  /** Has all workers drain at the same time. A second call, or `quick`, gives them two seconds. */
  stop(reason: string, quick = false): void {
    const force = quick || this.#stopping;
    this.#parts.logger.info({ reason, force }, 'stopping');
    this.#stopping = true;
    this.#endReload('stopping');
    this.#fleet.drainAll(reason, force);
    this.#loop.run();
  }

  /** For the primary and all workers, those to come included. */
  setLogLevel(level: string): void {
    this.#parts.logger.level = level;
    this.#fleet.setLogLevel(level);
  }

  get #view(): FleetView<WorkerProcess> {
    return {
      workers: this.workers,
      target: this.#target,
      generation: this.#generation,
      reloading: this.#reloads.running,
      stopping: this.#stopping,
      everReady: this.#everReady,
      respawnAt: (slot) => this.#failures.respawnAt(slot),
    };
  }

  /** The loop. */
  #run(): void {
    if (this.#stopping && this.workers.length === 0) {
      this.#loop.stop();
      this.#parts.hooks.ended(this.#exitCode);
      return;
    }
    const { now } = this.#loop;
    this.#conclude(now);
    for (const action of decide(this.#view, now, this.#limits)) this.#carryOut(action);
    this.#reporter.tell(() => this.status);
    this.#loop.wakeAt(nextDeadline(this.#view, now, this.#limits));
  }

  /** What has come true by the passing of time. */
  #conclude(now: number): void {
    const since = allServingSince(this.#view);
    if (since !== undefined) this.#failures.allServing(now, since);
    if (this.#reloads.running && isReloaded(this.#view, now, this.#limits)) this.#endReload();
  }

  #carryOut(action: Action<WorkerProcess>): void {
    switch (action.type) {
      case 'fork':
        if (!this.#stopping) this.#fork(action.slot);
        break;
      case 'drain':
        if (action.worker.recycleReason !== undefined) this.#recycled += 1;
        this.#fleet.drain(action.worker, action.worker.recycleReason ?? action.reason);
        break;
      case 'kill':
        this.#kill(action.worker, action.signal, action.reason);
        break;
    }
  }

  #fork(slot: number): void {
    try {
      this.#fleet.fork(slot, this.#generation);
    } catch (error) {
      const reason = describeExit({ code: null, signal: null, error: error as Error });
      this.#parts.logger.error({ slot, reason }, 'no worker could be forked');
      this.#fail({ slot, generation: this.#generation, readyAt: Infinity }, { kind: 'boot', reason });
    }
  }

  #kill(worker: WorkerProcess, signal: NodeJS.Signals, reason: string): void {
    const { phase } = worker;
    this.#parts.logger.error({ ...worker.name, signal, reason }, 'killing a worker');
    this.#fleet.kill(worker, signal);
    if (phase !== 'leaving') this.#fail(worker, { kind: phase === 'ready' ? 'hang' : 'boot', reason });
  }

  #onMessage(worker: WorkerProcess, message: ToPrimary): void {
    const { now } = this.#loop;
    // Whatever it says, it lives.
    worker.beatAt = now;
    switch (message.type) {
      case 'ready':
        if (worker.phase !== 'booting') return;
        worker.markReady(now);
        this.#everReady = true;
        logReady(this.#parts.logger, worker);
        break;
      case 'beat':
        worker.noteBeat(message.beat, this.#parts.config);
        return;
      case 'fatal':
        this.#fleet.leaves(worker);
        this.#fail(worker, { kind: 'crash', reason: message.message });
        break;
      case 'leaving':
        this.#parts.hooks.leaving(worker, message.metrics);
        return;
      default:
        return;
    }
    this.#loop.run();
  }

  #onExit(worker: WorkerProcess, exit: Exit): void {
    const { phase } = worker;
    this.#parts.hooks.gone(worker);
    logExit(this.#parts.logger, worker, exit, this.#loop.now);
    if (phase !== 'leaving' && !wasHitByStray(exit, phase)) {
      const kind = phase === 'booting' ? 'boot' : 'crash';
      this.#fail(worker, { kind, reason: describeExit(exit), exitCode: exit.code });
    }
    this.#loop.run();
  }

  #fail(worker: Failed, failure: Failure): void {
    if (this.#stopping) return;
    const { now } = this.#loop;
    const isNew = worker.generation === this.#generation && !isProven(worker, now, this.#limits);
    if (isNew) this.#endReload(`the new worker of slot ${worker.slot} ${failure.reason}`);
    const code = this.#failures.note(worker, failure, {
      now,
      everReady: this.#everReady,
      serving: this.workers.some(({ phase }) => phase === 'ready'),
      borrowedSocket: this.#parts.borrowedSocket,
    });
    if (code === undefined) return;
    this.#parts.logger.fatal({ reason: failure.reason, code }, 'giving up');
    this.#exitCode = code;
    this.#stopping = true;
    for (const other of this.workers) this.#fleet.kill(other, 'SIGKILL');
  }

  readonly #beginReload = () => {
    this.#generation += 1;
    this.#failures.forgive();
    // Not at once: this may be called in the middle of a run.
    queueMicrotask(() => {
      this.#loop.run();
    });
  };

  /** @param aborted - why, where it could not be done. */
  #endReload(aborted?: string): void {
    if (!this.#reloads.running) return;
    const generation = this.#generation;
    const { logger } = this.#parts;
    if (aborted === undefined) logger.info({ generation }, 'reloaded');
    else logger.error({ generation, reason: aborted }, 'reload aborted; the old workers stay');
    const result = {
      ok: aborted === undefined,
      generation,
      ...(aborted !== undefined && { reason: aborted }),
    };
    this.#reloads.end(result, this.#stopping ? undefined : this.#beginReload);
  }
}
