/** Where a worker is between its fork and its exit, as the primary sees it. */
export type WorkerPhase = 'booting' | 'ready' | 'leaving';

/** What the decisions need to know about a worker. Times are milliseconds of the supervisor's clock. */
export interface WorkerView {
  readonly slot: number;
  readonly generation: number;
  readonly phase: WorkerPhase;
  readonly forkedAt: number;
  /** Infinity until it is ready. */
  readonly readyAt: number;
  /** The last sign of life. */
  readonly beatAt: number;
  /** It does something long and blocking that was asked of it: its silence means nothing. */
  readonly heartbeatPaused: boolean;
  /** Why it should be replaced although it works: memory, requests. */
  readonly recycleReason: string | undefined;
  /** When a worker that leaves has had its time; Infinity for the others. */
  readonly killAt: number;
}

/** All workers and what is wanted of them. */
export interface FleetView<Worker extends WorkerView> {
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
}

/** All in milliseconds. */
export interface Limits {
  readonly bootMs: number;
  readonly hangMs: number;
  /** How long a new worker must have been ready before the old one goes. */
  readonly stableMs: number;
  /** A worker that wears out sooner is left alone: a limit below what the app needs would replace it forever. */
  readonly minUptimeMs: number;
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

/**
 * What is to be done now. It is asked after every event and once a second, and says everything anew: what was done
 * shows in the next view.
 *
 * No plan is kept. A slot with two workers that don't leave is in the middle of a replacement: the newer one boots or
 * proves itself, then the older one drains. Reload, recycling and hanging differ only in who is to be replaced.
 */
export function decide<Worker extends WorkerView>(
  fleet: FleetView<Worker>,
  now: number,
  limits: Limits,
): Action<Worker>[] {
  const overdue = killOverdue(fleet, now, limits);
  if (fleet.stopping) return overdue;
  return [
    ...overdue,
    ...abortHung(fleet, now, limits),
    ...drainSurplus(fleet, now, limits),
    ...fillSlots(fleet, now, limits),
    ...replaceOne(fleet, now, limits),
  ];
}

/** A worker that can't be counted on: it has said nothing for too long. */
export function isHung(worker: WorkerView, now: number, { hangMs }: Pick<Limits, 'hangMs'>): boolean {
  return worker.phase === 'ready' && !worker.heartbeatPaused && now - worker.beatAt > hangMs;
}

/** A worker that has served for a while, and so can stand in for another. */
export function isProven(
  { readyAt }: Pick<WorkerView, 'readyAt'>,
  now: number,
  { stableMs }: Pick<Limits, 'stableMs'>,
): boolean {
  return now - readyAt >= stableMs;
}

/** Whether a reload has done its work: every slot has a worker of the newest generation that has served long enough. */
export function isReloaded(fleet: FleetView<WorkerView>, now: number, limits: Limits): boolean {
  return slots(fleet.target).every((slot) => {
    const staying = stayingIn(fleet, slot);
    return (
      staying.length > 0 &&
      staying.every((worker) => worker.generation === fleet.generation && isProven(worker, now, limits))
    );
  });
}

/** Since when every slot serves; undefined while one does not. */
export function allServingSince({ workers, target }: FleetView<WorkerView>): number | undefined {
  const ready = workers.filter((worker) => worker.phase === 'ready');
  return ready.length < target ? undefined : Math.max(...ready.map((worker) => worker.readyAt));
}

/** When something is due that no event will tell: the next moment to decide again. Infinity when there is none. */
export function nextDeadline(fleet: FleetView<WorkerView>, now: number, { stableMs }: Limits): number {
  const due = fleet.workers.flatMap((worker) => [worker.killAt, worker.readyAt + stableMs]);
  if (!fleet.stopping) due.push(...slots(fleet.target).map(fleet.respawnAt));
  return Math.min(Infinity, ...due.filter((at) => at > now));
}

/** Why a worker should be recycled, if it should. */
export interface WearLimits {
  /** 0: never. */
  readonly MAX_RSS_MB: number;
  readonly MAX_REQUESTS: number;
}

/** So many beats in a row must say too much: one may have come just before a garbage collection. */
const HEAVY_BEATS = 3;

/**
 * Why a worker should be replaced although it works; undefined: no reason.
 *
 * @param heavyBeats - how many beats in a row, this one counted, were above the memory limit.
 */
export function recycleReasonOf(
  { slot, requests, heavyBeats }: { slot: number; requests: number; heavyBeats: number },
  { MAX_RSS_MB, MAX_REQUESTS }: WearLimits,
): string | undefined {
  if (MAX_RSS_MB > 0 && heavyBeats >= HEAVY_BEATS) return 'memory';
  // Staggered, or workers that started together and get the same share would all be due at once.
  if (MAX_REQUESTS > 0 && requests > MAX_REQUESTS * (1 + slot / 10)) return 'requests';
  return undefined;
}

function killOverdue<Worker extends WorkerView>(
  { workers }: FleetView<Worker>,
  now: number,
  { bootMs }: Limits,
): Action<Worker>[] {
  return workers.flatMap((worker) => {
    if (now >= worker.killAt) return kill(worker, 'SIGKILL', 'did not leave in time');
    if (worker.phase === 'booting' && now - worker.forkedAt > bootMs) {
      return kill(worker, 'SIGKILL', 'was not ready in time');
    }
    return [];
  });
}

/** Once its replacement serves, or is not available. SIGABRT, because it leaves a core dump to look into. */
function abortHung<Worker extends WorkerView>(
  fleet: FleetView<Worker>,
  now: number,
  limits: Limits,
): Action<Worker>[] {
  return fleet.workers.flatMap((worker) => {
    if (!isHung(worker, now, limits)) return [];
    const replaced = stayingIn(fleet, worker.slot).some(
      (other) => other.phase === 'ready' && !isHung(other, now, limits),
    );
    const waitedLong = now - worker.beatAt > limits.hangMs + limits.bootMs;
    return replaced || waitedLong ? kill(worker, 'SIGABRT', 'hangs: it gave no sign of life') : [];
  });
}

/** Slots beyond the target, the highest of which came last; and the older worker of a slot, once the newer one has served long enough. */
function drainSurplus<Worker extends WorkerView>(
  fleet: FleetView<Worker>,
  now: number,
  limits: Limits,
): Action<Worker>[] {
  return fleet.workers.flatMap((worker) => {
    if (worker.phase === 'leaving') return [];
    if (worker.slot >= fleet.target) return drain(worker, 'scaled down');
    const newest = stayingIn(fleet, worker.slot).at(-1);
    // A hung worker would not hear of it.
    if (newest === undefined || newest === worker || isHung(worker, now, limits)) return [];
    return isProven(newest, now, limits) && !isHung(newest, now, limits) ? drain(worker, 'replaced') : [];
  });
}

/** Every slot has a worker. The very first one goes ahead alone: what keeps it from booting is then said once. */
function fillSlots<Worker extends WorkerView>(
  fleet: FleetView<Worker>,
  now: number,
  limits: Limits,
): Action<Worker>[] {
  return slots(fleet.everReady ? fleet.target : 1).flatMap((slot) => {
    const manned = stayingIn(fleet, slot).some((worker) => !isHung(worker, now, limits));
    return manned || now < fleet.respawnAt(slot) ? [] : [{ type: 'fork', slot } as const];
  });
}

/** One at a time, only while all slots serve, and while not too many are still on their way out. */
function replaceOne<Worker extends WorkerView>(
  fleet: FleetView<Worker>,
  now: number,
  limits: Limits,
): Action<Worker>[] {
  const staying = fleet.workers.filter((worker) => worker.phase !== 'leaving');
  const leaving = fleet.workers.length - staying.length;
  const calm =
    staying.length === fleet.target &&
    staying.every((worker) => worker.phase === 'ready' && !isHung(worker, now, limits));
  if (!calm || leaving > fleet.target) return [];
  const victim = nextVictim(fleet, staying, now - limits.minUptimeMs);
  if (!victim || now < fleet.respawnAt(victim.slot)) return [];
  return [{ type: 'fork', slot: victim.slot }];
}

/** Reloads go by slot and before recycling, which they make needless. */
function nextVictim<Worker extends WorkerView>(
  fleet: FleetView<Worker>,
  staying: readonly Worker[],
  readyBefore: number,
): Worker | undefined {
  const bySlot = [...staying].sort((one, other) => one.slot - other.slot);
  if (fleet.reloading) return bySlot.find((worker) => worker.generation < fleet.generation);
  return bySlot.find((worker) => worker.recycleReason !== undefined && worker.readyAt <= readyBefore);
}

function stayingIn<Worker extends WorkerView>(fleet: FleetView<Worker>, slot: number): Worker[] {
  return fleet.workers.filter((worker) => worker.slot === slot && worker.phase !== 'leaving');
}

function slots(count: number): number[] {
  return Array.from({ length: count }, (_, slot) => slot);
}

function drain<Worker>(worker: Worker, reason: string): Action<Worker>[] {
  return [{ type: 'drain', worker, reason }];
}

function kill<Worker>(worker: Worker, signal: NodeJS.Signals, reason: string): Action<Worker>[] {
  return [{ type: 'kill', worker, signal, reason }];
}
