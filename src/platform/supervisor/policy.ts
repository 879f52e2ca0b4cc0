import type { PlatformConfig } from '../config/settings.ts';

/** Where a worker is between its fork and its exit, as the primary sees it. */
export type WorkerPhase = 'booting' | 'ready' | 'stopping';

/** What the decisions need of a worker. Times are milliseconds of the supervisor's clock. */
export interface WorkerView {
  readonly slot: number;
  readonly generation: number;
  readonly phase: WorkerPhase;
  readonly forkedAt: number;
  /** Infinity until it is ready. */
  readonly readyAt: number;
  readonly lastMessageAt: number;
  /** It takes a profile or a snapshot, and may send no heartbeat meanwhile. */
  readonly heartbeatPaused: boolean;
  /** Why it should be replaced although it works: memory, requests, or an operator wants it. */
  readonly recycleReason: string | undefined;
  /** When a stopping worker is killed; Infinity for the others. */
  readonly killAt: number;
}

/** All in milliseconds. */
export interface Limits {
  readonly bootMs: number;
  readonly hangMs: number;
  /** How long a new worker must have been ready before the old one drains. */
  readonly stableMs: number;
  /** A younger worker is not recycled: a limit below what the app needs would replace it forever. */
  readonly minUptimeMs: number;
}

/** All workers, and what is wanted of them. */
export interface FleetView<Worker extends WorkerView = WorkerView> {
  /** In the order they were forked. */
  readonly workers: readonly Worker[];
  readonly target: number;
  /** Workers of an older generation are replaced while a reload runs. */
  readonly generation: number;
  readonly reloading: boolean;
  readonly stopping: boolean;
  /** Whether any worker was ready since the start. */
  readonly everReady: boolean;
  /** When the slot may have a worker again after a crash; 0 where nothing crashed. */
  readonly respawnAt: (slot: number) => number;
  readonly now: number;
  readonly limits: Limits;
}

export type Action<Worker> =
  | { readonly type: 'fork'; readonly slot: number }
  | { readonly type: 'drain'; readonly worker: Worker; readonly reason: string }
  | {
      readonly type: 'kill';
      readonly worker: Worker;
      readonly signal: NodeJS.Signals;
      readonly reason: string;
    };

const STABLE_MS = 1000;

/** @param detectHangs - off while a debugger may stop a worker. */
export function limitsOf(
  config: Pick<PlatformConfig, 'BOOT_TIMEOUT_SECONDS' | 'HANG_TIMEOUT_SECONDS' | 'MIN_UPTIME_SECONDS'>,
  detectHangs: boolean,
): Limits {
  return {
    bootMs: config.BOOT_TIMEOUT_SECONDS * 1000,
    hangMs: detectHangs ? config.HANG_TIMEOUT_SECONDS * 1000 : Infinity,
    stableMs: STABLE_MS,
    minUptimeMs: config.MIN_UPTIME_SECONDS * 1000,
  };
}

/**
 * The longest that a stop can take, in seconds. Whatever stops the app from outside (systemd's TimeoutStopSec, PM2's
 * kill_timeout, a container's grace period) must wait longer; tests/project/timeout-budget.test.ts checks it.
 */
export function stopTimeoutSeconds(
  times: Pick<PlatformConfig, 'DRAIN_DELAY_SECONDS' | 'DRAIN_TIMEOUT_SECONDS' | 'KILL_GRACE_SECONDS'>,
): number {
  return times.DRAIN_DELAY_SECONDS + times.DRAIN_TIMEOUT_SECONDS + times.KILL_GRACE_SECONDS;
}

/**
 * What is to be done now; called after every event and on every tick.
 *
 * It keeps no plan. A slot with two workers that are not stopping is in the middle of a replacement: the newer one boots
 * and has to be stable, then the older one drains. Reloading, recycling and hanging differ only in who is replaced.
 */
export function decide<Worker extends WorkerView>(fleet: FleetView<Worker>): Action<Worker>[] {
  const overdue = killOverdue(fleet);
  if (fleet.stopping) return overdue;
  return [...overdue, ...abortHung(fleet), ...drainSurplus(fleet), ...fillSlots(fleet), ...replaceOne(fleet)];
}

export function isHung(worker: WorkerView, { now, limits }: Pick<FleetView, 'now' | 'limits'>): boolean {
  return worker.phase === 'ready' && !worker.heartbeatPaused && now - worker.lastMessageAt > limits.hangMs;
}

/** Whether a worker has served long enough to replace another one. */
export function isStable(
  { readyAt }: Pick<WorkerView, 'readyAt'>,
  { now, limits }: Pick<FleetView, 'now' | 'limits'>,
): boolean {
  return now - readyAt >= limits.stableMs;
}

/** Whether a reload is done: every slot has a stable worker of the newest generation, and no other. */
export function isReloaded(fleet: FleetView): boolean {
  return slotsOf(fleet.target).every((slot) => {
    const workers = activeIn(fleet, slot);
    const isNew = (worker: WorkerView) => worker.generation === fleet.generation && isStable(worker, fleet);
    return workers.length > 0 && workers.every(isNew);
  });
}

/** Since when every slot serves; Infinity while one does not. */
export function allReadySince({ workers, target }: FleetView): number {
  const ready = workers.filter((worker) => worker.phase === 'ready');
  return ready.length < target ? Infinity : Math.max(...ready.map((worker) => worker.readyAt));
}

/** An operator asked for it, so it is not too young. */
export const REQUESTED = 'requested';

/** A heartbeat may have come just before a garbage collection. */
const HEARTBEATS_OVER_LIMIT = 3;

/**
 * Why a worker should be replaced although it works; undefined: no reason.
 *
 * @param use.heartbeatsOverLimit - the number of heartbeats in a row that were above the memory limit.
 * @param limits - 0: never.
 */
export function recycleReasonOf(
  use: { slot: number; requests: number; heartbeatsOverLimit: number },
  limits: Pick<PlatformConfig, 'MAX_RSS_MB' | 'MAX_REQUESTS'>,
): string | undefined {
  if (limits.MAX_RSS_MB > 0 && use.heartbeatsOverLimit >= HEARTBEATS_OVER_LIMIT) return 'memory';
  // Staggered: workers that started together would all be due at once.
  const maxRequests = limits.MAX_REQUESTS * (1 + use.slot / 10);
  return maxRequests > 0 && use.requests > maxRequests ? 'requests' : undefined;
}

function killOverdue<Worker extends WorkerView>({ workers, now, limits }: FleetView<Worker>) {
  return workers.flatMap((worker) => {
    if (now >= worker.killAt) return kill(worker, 'SIGKILL', 'did not stop in time');
    const isLate = worker.phase === 'booting' && now - worker.forkedAt > limits.bootMs;
    return isLate ? kill(worker, 'SIGKILL', 'was not ready in time') : [];
  });
}

/** Once its replacement serves, or is not available. SIGABRT leaves a core dump. */
function abortHung<Worker extends WorkerView>(fleet: FleetView<Worker>): Action<Worker>[] {
  const { bootMs, hangMs } = fleet.limits;
  return fleet.workers.flatMap((worker) => {
    if (!isHung(worker, fleet)) return [];
    const isReplaced = activeIn(fleet, worker.slot).some(
      (other) => other.phase === 'ready' && !isHung(other, fleet),
    );
    const isOverdue = fleet.now - worker.lastMessageAt > hangMs + bootMs;
    return isReplaced || isOverdue ? kill(worker, 'SIGABRT', 'hangs: it sent no heartbeat') : [];
  });
}

/** Slots beyond the target, and the older worker of a slot once the newer one is stable. */
function drainSurplus<Worker extends WorkerView>(fleet: FleetView<Worker>): Action<Worker>[] {
  return fleet.workers.flatMap((worker) => {
    if (worker.phase === 'stopping') return [];
    if (worker.slot >= fleet.target) return drain(worker, 'scaled down');
    const newest = activeIn(fleet, worker.slot).at(-1);
    // A hung worker would not receive the message.
    if (newest === undefined || newest === worker || isHung(worker, fleet)) return [];
    return isStable(newest, fleet) && !isHung(newest, fleet) ? drain(worker, 'replaced') : [];
  });
}

/** Every slot has a worker. The first one starts alone: what keeps it from booting is then logged once. */
function fillSlots<Worker extends WorkerView>(fleet: FleetView<Worker>): Action<Worker>[] {
  return slotsOf(fleet.everReady ? fleet.target : 1).flatMap((slot) => {
    const isOccupied = activeIn(fleet, slot).some((worker) => !isHung(worker, fleet));
    return isOccupied || fleet.now < fleet.respawnAt(slot) ? [] : fork(slot);
  });
}

/** One at a time, only while all slots serve, and while no more than `target` workers are stopping. */
function replaceOne<Worker extends WorkerView>(fleet: FleetView<Worker>): Action<Worker>[] {
  const active = fleet.workers.filter((worker) => worker.phase !== 'stopping');
  const isComplete =
    active.length === fleet.target &&
    active.every((worker) => worker.phase === 'ready' && !isHung(worker, fleet));
  if (!isComplete || fleet.workers.length - active.length > fleet.target) return [];
  const worker = nextToReplace(fleet, active);
  return worker && fleet.now >= fleet.respawnAt(worker.slot) ? fork(worker.slot) : [];
}

/** A reload goes by slot and before recycling, which it makes unnecessary. */
function nextToReplace(fleet: FleetView, active: readonly WorkerView[]): WorkerView | undefined {
  const { now, limits } = fleet;
  return [...active]
    .sort((one, other) => one.slot - other.slot)
    .find((worker) => {
      if (fleet.reloading) return worker.generation < fleet.generation;
      if (worker.recycleReason === REQUESTED) return true;
      return worker.recycleReason !== undefined && now - worker.readyAt >= limits.minUptimeMs;
    });
}

function activeIn<Worker extends WorkerView>(fleet: FleetView<Worker>, slot: number): Worker[] {
  return fleet.workers.filter((worker) => worker.slot === slot && worker.phase !== 'stopping');
}

function slotsOf(count: number): number[] {
  return Array.from({ length: count }, (_, slot) => slot);
}

function fork(slot: number): Action<never>[] {
  return [{ type: 'fork', slot }];
}

function drain<Worker>(worker: Worker, reason: string): Action<Worker>[] {
  return [{ type: 'drain', worker, reason }];
}

function kill<Worker>(worker: Worker, signal: NodeJS.Signals, reason: string): Action<Worker>[] {
  return [{ type: 'kill', worker, signal, reason }];
}
