import type { AdminAccess } from '../observability/admin-access.ts';
import type { AdminHandler } from '../observability/admin.ts';
import { everySecond } from '../observability/every-second.ts';
import type { Logger } from '../observability/logger.ts';
import type { PlatformConfig } from '../config/settings.ts';
import type {
  ActionName,
  ErrorRow,
  Facts,
  Fleet,
  Live,
  ReloadRow,
  Report,
  RestartRow,
  StoreStates,
} from './contract.ts';
import { gatherFacts, type FactsOptions } from './facts.ts';
import { createHandler } from './handler.ts';
import { readPage } from './page.ts';
import { Sampler, type ProcessUse } from './sampler.ts';
import { Streams } from './streams.ts';

export interface OperationsOptions extends FactsOptions {
  readonly logger: Logger;
  readonly access: AdminAccess;
  readonly fleet: () => Fleet;
  /** What this process uses, where it is none of the fleet's workers. */
  readonly own?: () => ProcessUse;
  /** Where this process is the only worker: its report, with its slot. */
  readonly takeReport?: () => readonly [slot: number, report: Report];
  /** Does what `npm run ctl` does. */
  readonly run: (action: ActionName, args: readonly string[]) => unknown;
}

/** The last ones are kept. */
const MAX_EVENTS = 50;

/** The processes report at the full second; half a second later this reads what came. */
const OFFSET_MS = 500;

/** A process that has not reported for this long does not count for the state of the stores, in milliseconds. */
const STORE_STATE_MS = 5000;

/** The operations page of an app: what it has seen, and who watches. */
export class Operations {
  readonly handler: AdminHandler;
  readonly #options: OperationsOptions;
  readonly #facts: Facts;
  readonly #sampler = new Sampler();
  readonly #streams = new Streams();
  readonly #errors: ErrorRow[] = [];
  readonly #restarts: RestartRow[] = [];
  readonly #reloads: ReloadRow[] = [];
  readonly #stores = new Map<number, { at: number; stores: StoreStates }>();
  readonly #stop: () => void;

  static async open(options: OperationsOptions): Promise<Operations> {
    return new Operations(options, await gatherFacts(options), await readPage());
  }

  private constructor(options: OperationsOptions, facts: Facts, files: Awaited<ReturnType<typeof readPage>>) {
    this.#options = options;
    this.#facts = facts;
    this.handler = createHandler({
      ...options,
      facts,
      files,
      streams: this.#streams,
      firstEvents: () => ({ facts: this.#facts, history: this.#sampler.history }),
    });
    this.#stop = everySecond(this.#tick.bind(this), OFFSET_MS);
  }

  /** What a process has done in the last second. */
  report(slot: number, report: Report): void {
    this.#sampler.add(report);
    this.#stores.set(slot, { at: performance.now(), stores: report.stores });
  }

  error(row: ErrorRow): void {
    keep(this.#errors, row);
  }

  restarted(row: RestartRow): void {
    keep(this.#restarts, row);
  }

  reloaded(row: ReloadRow): void {
    keep(this.#reloads, row);
  }

  /** Ends the streams. */
  close(): void {
    this.#stop();
    this.#streams.end();
  }

  #tick(): void {
    const { fleet, own, takeReport, logger } = this.#options;
    if (takeReport) this.report(...takeReport());
    const { state, generation, target, ready, workers } = fleet();
    const sample = this.#sampler.sample({ workers }, own?.(), Date.now());
    if (!this.#streams.isWatched) return;
    const live: Live = {
      sample,
      state,
      generation,
      target,
      ready,
      logLevel: logger.level,
      workers: workers.map(workerRow),
      routes: this.#sampler.routes,
      stores: this.#storeStates(),
      errors: this.#errors,
      restarts: this.#restarts,
      reloads: this.#reloads,
    };
    this.#streams.send('live', live);
  }

  /** The worst of all processes. */
  #storeStates(): StoreStates {
    const { STORE: kind }: PlatformConfig = this.#options.config;
    const now = performance.now();
    for (const [slot, { at }] of this.#stores) if (now - at > STORE_STATE_MS) this.#stores.delete(slot);
    const all = [...this.#stores.values()].map(({ stores }) => stores);
    const redis = all.flatMap((states) => (states.redis ? [states.redis] : []));
    return {
      kind,
      redis: kind === 'redis' ? worst(redis) : null,
      sessions: worst(all.map(({ sessions }) => sessions)),
    };
  }
}

function worst(states: readonly StoreStates['sessions'][]): StoreStates['sessions'] {
  const latencies = states.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs]));
  return {
    up: states.length > 0 && states.every(({ up }) => up),
    latencyMs: latencies.length === 0 ? null : Math.max(...latencies),
  };
}

/** Without what only `npm run ctl` shows. */
function workerRow(worker: Fleet['workers'][number]): Fleet['workers'][number] {
  const { slot, pid, state, generation, uptimeSeconds, cpu, rssBytes, heapBytes, utilization } = worker;
  const { delayMs, requestsPerSecond, inFlight } = worker;
  const use = { cpu, rssBytes, heapBytes, utilization, delayMs, requestsPerSecond, inFlight };
  return { slot, pid, state, generation, uptimeSeconds, ...use } as Fleet['workers'][number];
}

/** The newest first. */
function keep<Row>(rows: Row[], row: Row): void {
  rows.unshift(row);
  rows.length = Math.min(rows.length, MAX_EVENTS);
}
