import type { Failures } from './failures.ts';
import type { Heartbeat, ToPrimary } from './messages.ts';
import { isHung, type FleetView, type WorkerPhase } from './policy.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What the workers as a whole are doing, in one word. */
export type FleetState = 'starting' | 'serving' | 'degraded' | 'reloading' | 'stopping';

/** A worker and its last heartbeat; before the first one those fields are missing. */
export interface WorkerStatus extends Partial<Heartbeat> {
  readonly slot: number;
  readonly pid: number | undefined;
  readonly state: WorkerPhase | 'hung';
  readonly generation: number;
  readonly uptimeSeconds: number;
}

/** How a reload ended. */
export interface ReloadResult {
  readonly ok: boolean;
  readonly generation: number;
  /** Why it was aborted. */
  readonly reason?: string;
}

/** What happens to the workers, for those who watch. `reason` is a sentence without its subject. */
export type SupervisorEvent =
  | { readonly type: 'message'; readonly slot: number; readonly message: ToPrimary }
  | ({ readonly type: 'failure'; readonly kind: string; readonly stack: string | undefined } & Replaced)
  | ({ readonly type: 'recycle' } & Replaced)
  | ({ readonly type: 'reload'; readonly source: string; readonly seconds: number } & ReloadResult);

interface Replaced {
  readonly slot: number;
  readonly pid: number | undefined;
  readonly reason: string;
}

/** What happened since the start. */
export interface Counts extends Readonly<Failures['counts']> {
  readonly recycled: number;
  readonly reloads: number;
  readonly abortedReloads: number;
}

/** What `npm run ctl -- status --json` prints. */
export interface Status {
  readonly state: FleetState;
  readonly pid: number;
  readonly uptimeSeconds: number;
  /** The number of times that code was loaded: 1 at the start, one more with each reload. */
  readonly generation: number;
  readonly target: number;
  /** The number of slots with a worker that serves. */
  readonly ready: number;
  readonly lastReload: ReloadResult | undefined;
  readonly counts: Counts;
  readonly workers: readonly WorkerStatus[];
}

/** @param rest.started - whether all workers were ready at least once. */
export function describeFleet(
  fleet: FleetView<WorkerProcess>,
  { started, lastReload, counts }: Pick<Status, 'lastReload' | 'counts'> & { started: boolean },
): Status {
  const { generation, target } = fleet;
  const ready = countReady(fleet);
  return {
    state: stateOf(fleet, started, ready),
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    generation,
    target,
    ready,
    lastReload,
    counts,
    workers: [...fleet.workers]
      .sort((one, other) => one.slot - other.slot)
      .map((worker) => describeWorker(worker, fleet)),
  };
}

function countReady(fleet: FleetView<WorkerProcess>): number {
  const serving = fleet.workers.filter((worker) => worker.phase === 'ready' && !isHung(worker, fleet));
  return new Set(serving.map(({ slot }) => slot).filter((slot) => slot < fleet.target)).size;
}

function stateOf(fleet: FleetView<WorkerProcess>, started: boolean, ready: number): FleetState {
  if (fleet.stopping) return 'stopping';
  if (!started) return 'starting';
  if (fleet.reloading) return 'reloading';
  return ready === fleet.target ? 'serving' : 'degraded';
}

function describeWorker(worker: WorkerProcess, fleet: FleetView<WorkerProcess>): WorkerStatus {
  return {
    slot: worker.slot,
    pid: worker.pid,
    state: isHung(worker, fleet) ? 'hung' : worker.phase,
    generation: worker.generation,
    uptimeSeconds: Math.round((fleet.now - worker.forkedAt) / 1000),
    ...worker.heartbeat,
  };
}
