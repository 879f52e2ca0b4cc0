import { isHung, type FleetView, type Limits } from './policy.ts';
import type { ReloadResult } from './reloads.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What the fleet is doing, in one word. */
export type FleetState = 'starting' | 'serving' | 'degraded' | 'reloading' | 'stopping';

export interface WorkerStatus {
  readonly slot: number;
  readonly pid: number | undefined;
  readonly state: 'booting' | 'ready' | 'hung' | 'leaving';
  readonly generation: number;
  readonly uptimeSeconds: number;
  /** These five are what the worker last told; undefined before its first beat. */
  readonly rssBytes: number | undefined;
  /** How busy the event loop was in the last second, 0 to 1. */
  readonly utilization: number | undefined;
  /** How late the event loop was in the last second, in milliseconds (99th percentile). */
  readonly delayMs: number | undefined;
  readonly requests: number | undefined;
  readonly inFlight: number | undefined;
}

/** What happened since the start. */
export interface Counts {
  readonly crashes: number;
  readonly hangs: number;
  readonly bootFailures: number;
  readonly recycled: number;
  readonly reloads: number;
  readonly abortedReloads: number;
}

/** What `npm run ctl -- status --json` prints. */
export interface Status {
  readonly state: FleetState;
  readonly pid: number;
  readonly uptimeSeconds: number;
  /** How often code was loaded: 1 at the start, one more with each reload. */
  readonly generation: number;
  readonly target: number;
  /** Slots with a worker that serves. */
  readonly ready: number;
  readonly lastReload: ReloadResult | undefined;
  readonly counts: Counts;
  readonly workers: readonly WorkerStatus[];
}

export interface StatusParts {
  readonly fleet: FleetView<WorkerProcess>;
  readonly started: boolean;
  readonly now: number;
  readonly limits: Limits;
  readonly lastReload: ReloadResult | undefined;
  readonly counts: Counts;
}

export function describeFleet(parts: StatusParts): Status {
  const { fleet, lastReload, counts } = parts;
  const ready = readySlots(parts);
  return {
    state: stateOf(parts, ready),
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    generation: fleet.generation,
    target: fleet.target,
    ready,
    lastReload,
    counts: { ...counts },
    workers: [...fleet.workers]
      .sort((one, other) => one.slot - other.slot)
      .map((worker) => describeWorker(worker, parts)),
  };
}

function readySlots({ fleet, now, limits }: StatusParts): number {
  const serving = fleet.workers.filter((worker) => worker.phase === 'ready' && !isHung(worker, now, limits));
  return new Set(serving.map((worker) => worker.slot).filter((slot) => slot < fleet.target)).size;
}

function stateOf({ fleet, started }: StatusParts, ready: number): FleetState {
  if (fleet.stopping) return 'stopping';
  if (!started) return 'starting';
  if (fleet.reloading) return 'reloading';
  return ready === fleet.target ? 'serving' : 'degraded';
}

function describeWorker(worker: WorkerProcess, { now, limits }: StatusParts): WorkerStatus {
  return {
    slot: worker.slot,
    pid: worker.pid,
    state: isHung(worker, now, limits) ? 'hung' : worker.phase,
    generation: worker.generation,
    uptimeSeconds: Math.round((now - worker.forkedAt) / 1000),
    rssBytes: worker.beat?.rssBytes,
    utilization: worker.beat?.utilization,
    delayMs: worker.beat?.delayMs,
    requests: worker.beat?.requests,
    inFlight: worker.beat?.inFlight,
  };
}
