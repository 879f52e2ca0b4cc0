import { url as inspectorUrl } from 'node:inspector';
import { EXIT_BAD_CONFIG } from '../config/config-error.ts';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { describeExit, Failures, isGroupSignal, type Exit, type FailureKind } from './failures.ts';
import { workerCount, type Fork } from './fork.ts';
import { Loop } from './loop.ts';
import type { ToPrimary } from './messages.ts';
import { ClusterMetrics } from './metrics.ts';
import { allReadySince, decide, isReloaded, isStable, limitsOf } from './policy.ts';
import type { Action, FleetView, Limits } from './policy.ts';
import { describeFleet, type ReloadResult, type Status, type SupervisorEvent } from './status.ts';
import { WorkerProcess } from './worker-process.ts';

/** Exit codes of the primary beside 0 (stopped) and 78 (bad configuration). */
const EXIT_GAVE_UP = 1;
export const EXIT_NO_BOOT = 3;

export interface SupervisorOptions {
  readonly config: PlatformConfig;
  readonly logger: Logger;
  readonly fork: Fork;
  /** Whether the socket is systemd's: Node closes it with the last worker, and cannot open it again. */
  readonly inheritedSocket: boolean;
  /** The state, the target or the number of ready workers has changed. */
  readonly onChange: (status: Status) => void;
  /** No worker is left. */
  readonly onEnd: (code: number) => void;
}

/**
 * Keeps the wanted number of workers running, and replaces them without a gap.
 *
 * One loop: `#run` asks `decide` what is to be done, after every event and on every tick, and does it. Signals, messages
 * and exits change the state, and call it.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #limits: Limits;
  readonly #loop: Loop;
  readonly #failures: Failures;
  #workers: WorkerProcess[] = [];
  #target: number;
  #generation = 1;
  #everReady = false;
  #started = false;
  #stopping = false;
  #exitCode = 0;
  #logLevel: string | undefined;
  #reload: Promise<ReloadResult> | undefined;
  #finishReload: (result: ReloadResult) => void = () => undefined;
  #reloadBegan = { source: '', at: 0 };
  #nextReload: Promise<ReloadResult> | undefined;
  #lastReload: ReloadResult | undefined;
  #lastReported = '';
  #emit: (event: SupervisorEvent) => void = () => undefined;
  /** Of all workers and of the supervisor itself. */
  readonly metrics = new ClusterMetrics(this);
  readonly #counts = { recycled: 0, reloads: 0, abortedReloads: 0 };

  constructor(options: SupervisorOptions) {
    const { config, logger } = options;
    this.#options = options;
    this.#target = workerCount(config);
    // Not while a debugger may stop a worker.
    const detectHangs = inspectorUrl() === undefined;
    this.#limits = limitsOf(config, detectHangs);
    this.#failures = new Failures({ minUptimeMs: this.#limits.minUptimeMs, limit: config.CRASH_LIMIT });
    this.#loop = new Loop({
      run: this.#run.bind(this),
      resumed: (ms) => {
        logger.warn({ seconds: ms / 1000 }, 'the primary was suspended');
      },
    });
  }

  /** In the order they were forked. */
  get workers(): readonly WorkerProcess[] {
    return this.#workers;
  }

  get status(): Status {
    return describeFleet(this.#view, {
      started: this.#started,
      lastReload: this.#lastReload,
      counts: { ...this.#failures.counts, ...this.#counts },
    });
  }

  /** Calls back for all that happens from then on. */
  onEvent(listener: (event: SupervisorEvent) => void): void {
    this.#emit = listener;
  }

  start(): void {
    this.#loop.start();
  }

  /**
   * Replaces all workers by new ones, one at a time. When a new one fails, the old ones stay. Any number of requests
   * during a reload are one more reload: all want the newest code.
   */
  async reload(reason: string): Promise<ReloadResult> {
    this.#options.logger.info({ reason, queued: this.#reload !== undefined }, 'reload requested');
    if (!this.#reload) return this.#beginReload(reason);
    this.#nextReload ??= this.#reload.then(() => this.#beginReload(reason));
    return this.#nextReload;
  }

  /** @param target - the new number of workers; the caller has checked it. */
  scale(target: number): void {
    if (target === this.#target || this.#stopping) return;
    this.#options.logger.info({ from: this.#target, to: target }, 'scaling');
    this.#target = target;
    this.#failures.reset();
    this.#loop.run();
  }

  /** Replaces one worker by a new one. Resolves when that serves; rejects when it fails, and the old one stays. */
  recycle(worker: WorkerProcess): Promise<void> {
    this.#options.logger.info(worker.fields, 'recycle requested');
    const recycled = worker.recycle();
    this.#failures.reset();
    this.#loop.run();
    return recycled;
  }

  /** Drains all workers at the same time. A second call, or `quick`, gives them two seconds. */
  stop(reason: string, quick = false): void {
    const force = quick || this.#stopping;
    this.#options.logger.info({ reason, force }, 'stopping');
    this.#stopping = true;
    this.#endReload('stopping');
    for (const worker of this.#workers) {
      if (worker.phase !== 'stopping') worker.drain(reason, { delay: true });
      if (force) worker.force();
    }
    this.#loop.run();
  }

  /** For the primary and all workers, future ones included. */
  setLogLevel(level: string): void {
    this.#options.logger.level = level;
    this.#logLevel = level;
    for (const worker of this.#workers) worker.send({ type: 'log-level', level });
  }

  get #view(): FleetView<WorkerProcess> {
    return {
      workers: this.#workers,
      target: this.#target,
      generation: this.#generation,
      reloading: this.#reload !== undefined,
      stopping: this.#stopping,
      everReady: this.#everReady,
      respawnAt: (slot) => this.#failures.respawnAt(slot),
      now: this.#loop.now,
      limits: this.#limits,
    };
  }

  /** One round of the loop. */
  #run(): void {
    if (this.#stopping && this.#workers.length === 0) {
      this.#loop.stop();
      this.#options.onEnd(this.#exitCode);
      return;
    }
    if (this.#loop.now - allReadySince(this.#view) >= this.#limits.minUptimeMs) this.#failures.reset();
    if (this.#reload && isReloaded(this.#view)) this.#endReload();
    for (const action of decide(this.#view)) this.#carryOut(action);
    this.#report();
  }

  #carryOut(action: Action<WorkerProcess>): void {
    if (action.type === 'fork') {
      this.#fork(action.slot);
      return;
    }
    const { worker, reason } = action;
    const { phase, recycleReason } = worker;
    if (action.type === 'drain') {
      if (recycleReason !== undefined) {
        this.#counts.recycled += 1;
        this.#emit({ type: 'recycle', slot: worker.slot, pid: worker.pid, reason: recycleReason });
      }
      worker.drain(recycleReason ?? reason);
      return;
    }
    this.#options.logger.error({ ...worker.fields, signal: action.signal, reason }, 'killing a worker');
    worker.kill(action.signal);
    if (phase !== 'stopping') this.#onFailure(worker, phase === 'ready' ? 'hang' : 'boot', reason);
  }

  #fork(slot: number): void {
    const { config, fork, logger } = this.#options;
    const generation = this.#generation;
    if (this.#stopping) return;
    try {
      const process = fork(slot, this.#logLevel === undefined ? {} : { LOG_LEVEL: this.#logLevel });
      const worker = new WorkerProcess(process, {
        slot,
        generation,
        config,
        now: () => this.#loop.now,
        onMessage: this.#onMessage.bind(this),
        onExit: this.#onExit.bind(this),
      });
      this.#workers.push(worker);
    } catch (error) {
      const reason = describeExit({ code: null, signal: null, error: error as Error });
      logger.error({ slot, reason }, 'cannot fork a worker');
      const none = { pid: undefined, crashStack: undefined, readyAt: Infinity };
      this.#onFailure({ slot, generation, ...none }, 'boot', reason);
    }
  }

  #onMessage(worker: WorkerProcess, message: ToPrimary): void {
    this.#emit({ type: 'message', slot: worker.slot, message });
    if (message.type === 'heartbeat') worker.onHeartbeat(message.heartbeat);
    else if (message.type === 'final-metrics') worker.metrics = message.metrics;
    else if (message.type === 'ready' && worker.phase === 'booting') {
      worker.markReady();
      this.#everReady = true;
      this.#options.logger.info(worker.fields, 'worker ready');
      this.#loop.run();
    } else if (message.type === 'fatal') {
      worker.stopsByItself();
      worker.crashStack = message.stack;
      this.#onFailure(worker, 'crash', message.message);
      this.#loop.run();
    }
  }

  #onExit(worker: WorkerProcess, exit: Exit): void {
    const { phase } = worker;
    const reason = describeExit(exit);
    const line = { ...worker.fields, ...exit };
    this.#workers = this.#workers.filter((other) => other !== worker);
    this.metrics.addStopped(worker.metrics);
    if (phase === 'stopping') this.#options.logger.info(line, 'worker stopped');
    else this.#options.logger.error({ ...line, reason }, 'worker crashed');
    if (phase !== 'stopping' && !isGroupSignal(exit, phase)) {
      this.#onFailure(worker, phase === 'booting' ? 'boot' : 'crash', reason, exit.code);
    }
    this.#loop.run();
  }

  /** Aborts the reload when it was a new worker, and gives up when there is no sense in trying again. */
  #onFailure(
    worker: Pick<WorkerProcess, 'slot' | 'pid' | 'generation' | 'readyAt' | 'crashStack'>,
    kind: FailureKind,
    reason: string,
    exitCode: number | null = null,
  ): void {
    if (this.#stopping) return;
    const { now } = this.#loop;
    const isNew = worker.generation === this.#generation && !isStable(worker, this.#view);
    const { slot, pid, crashStack: stack } = worker;
    this.#emit({ type: 'failure', kind, slot, pid, reason, stack });
    const failure = `the new worker of slot ${slot} ${reason}`;
    if (isNew) this.#endReload(failure);
    for (const other of this.#workers)
      if (other !== worker && other.slot === slot) other.keepServing(failure);
    this.#failures.add(kind, slot, now, Math.max(0, now - worker.readyAt));
    const code = this.#exitCodeAfter(exitCode);
    if (code === undefined) return;
    this.#options.logger.fatal({ reason, code }, 'giving up');
    this.#exitCode = code;
    this.#stopping = true;
    for (const other of this.#workers) other.kill('SIGKILL');
  }

  /** undefined: try again, as it always makes sense while one worker serves. */
  #exitCodeAfter(exitCode: number | null): number | undefined {
    if (!this.#everReady) return exitCode === EXIT_BAD_CONFIG ? EXIT_BAD_CONFIG : EXIT_NO_BOOT;
    if (this.#workers.some(({ phase }) => phase === 'ready')) return undefined;
    const isHopeless = this.#options.inheritedSocket || this.#failures.isLimitReached(this.#loop.now);
    return isHopeless ? EXIT_GAVE_UP : undefined;
  }

  async #beginReload(source: string): Promise<ReloadResult> {
    this.#nextReload = undefined;
    if (this.#stopping) return { ok: false, generation: this.#generation, reason: 'stopping' };
    const reload = new Promise<ReloadResult>((resolve) => (this.#finishReload = resolve));
    this.#reload = reload;
    this.#reloadBegan = { source, at: this.#loop.now };
    this.#generation += 1;
    this.#failures.reset();
    this.#loop.run();
    return reload;
  }

  /** @param aborted - why it was aborted; undefined: it is done. */
  #endReload(aborted?: string): void {
    if (!this.#reload) return;
    const generation = this.#generation;
    const { logger } = this.#options;
    const isDone = aborted === undefined;
    if (isDone) logger.info({ generation }, 'reloaded');
    else logger.error({ generation, reason: aborted }, 'reload aborted; the old workers stay');
    this.#lastReload = { ok: isDone, generation, ...(!isDone && { reason: aborted }) };
    this.#counts[isDone ? 'reloads' : 'abortedReloads'] += 1;
    const { source, at } = this.#reloadBegan;
    this.#emit({ type: 'reload', source, seconds: (this.#loop.now - at) / 1000, ...this.#lastReload });
    this.#finishReload(this.#lastReload);
    this.#reload = undefined;
  }

  /** Reports what has changed, once. */
  #report(): void {
    this.#started ||= this.status.ready === this.#target;
    const { status } = this;
    const summary = `${status.state} ${status.ready}/${status.target}`;
    if (summary === this.#lastReported) return;
    this.#lastReported = summary;
    this.#options.onChange(status);
  }
}
