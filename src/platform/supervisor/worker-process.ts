import type { Worker } from 'node:cluster';
import type { PlatformConfig } from '../config/settings.ts';
import { FORCED_MS } from '../lifecycle/drain.ts';
import type { Exit } from './failures.ts';
import { isOurs, type Heartbeat, type Query, type Reply, type ToPrimary, type ToWorker } from './messages.ts';
import {
  recycleReasonOf,
  REQUESTED,
  stopTimeoutSeconds,
  type WorkerPhase,
  type WorkerView,
} from './policy.ts';

export interface WorkerProcessOptions {
  readonly slot: number;
  readonly generation: number;
  readonly config: PlatformConfig;
  /** Milliseconds of the supervisor's clock. */
  readonly now: () => number;
  readonly onMessage: (worker: WorkerProcess, message: ToPrimary) => void;
  readonly onExit: (worker: WorkerProcess, exit: Exit) => void;
}

/** One worker, as the primary sees it: its state, and a way to talk to it. */
export class WorkerProcess implements WorkerView {
  readonly slot: number;
  readonly generation: number;
  readonly forkedAt: number;
  phase: WorkerPhase = 'booting';
  readyAt = Infinity;
  lastMessageAt: number;
  killAt = Infinity;
  recycleReason: string | undefined;
  heartbeat: Heartbeat | undefined;
  /** What it last sent. */
  metrics: unknown;
  heartbeatPaused = false;
  /** Of the error that it ends with, in development. */
  crashStack: string | undefined;

  readonly #worker: Worker;
  readonly #options: WorkerProcessOptions;
  readonly #waiting = new Map<number, (reply: Pick<Reply, 'value' | 'error'>) => void>();
  #queries = 0;
  /** What was sent before the worker listens for messages; undefined from then on. */
  #queued: ToWorker[] | undefined = [];
  #heartbeatsOverLimit = 0;
  #ended = false;
  #endRecycle: (failure?: string) => void = () => undefined;

  constructor(worker: Worker, options: WorkerProcessOptions) {
    this.#worker = worker;
    this.#options = options;
    this.slot = options.slot;
    this.generation = options.generation;
    this.forkedAt = options.now();
    this.lastMessageAt = this.forkedAt;
    worker.on('message', (message: unknown) => {
      if (isOurs(message)) this.#onMessage(message as ToPrimary);
    });
    worker.on('exit', (code: number | null, signal: string | null) => {
      this.#onExit({ code, signal });
    });
    // Without a pid it did not start, and there is no exit event. With one, a message missed a worker that just ended.
    worker.on('error', (error) => {
      if (this.pid === undefined) this.#onExit({ code: null, signal: null, error });
    });
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** For the log; `seconds` since the fork. */
  get fields() {
    const seconds = Math.round(this.#options.now() - this.forkedAt) / 1000;
    return { slot: this.slot, worker: this.pid, seconds };
  }

  markReady(): void {
    this.phase = 'ready';
    this.readyAt = this.#options.now();
  }

  onHeartbeat(heartbeat: Heartbeat): void {
    const { config } = this.#options;
    const isOverLimit = heartbeat.rssBytes > config.MAX_RSS_MB * 1024 ** 2;
    this.heartbeat = heartbeat;
    this.#heartbeatsOverLimit = isOverLimit ? this.#heartbeatsOverLimit + 1 : 0;
    const { slot } = this;
    const use = { slot, requests: heartbeat.requests, heartbeatsOverLimit: this.#heartbeatsOverLimit };
    if (this.recycleReason !== REQUESTED) this.recycleReason = recycleReasonOf(use, config);
  }

  /** Asks the policy for a replacement. Resolves when that serves; rejects when it failed, and this one stays. */
  recycle(): Promise<void> {
    this.recycleReason = REQUESTED;
    return new Promise((resolve, reject) => {
      const before = this.#endRecycle;
      this.#endRecycle = (failure) => {
        before(failure);
        if (failure === undefined) resolve();
        else reject(new Error(failure));
      };
    });
  }

  /** Its replacement failed: it is not tried again. */
  keepServing(failure: string): void {
    if (this.recycleReason === REQUESTED) this.recycleReason = undefined;
    this.#endRecycle(failure);
    this.#endRecycle = () => undefined;
  }

  /**
   * Has the worker stop. One that is still booting has nothing to finish.
   *
   * @param delay - whether DRAIN_DELAY_SECONDS counts: all workers stop, and balancers must see it first.
   */
  drain(reason: string, { delay = false } = {}): void {
    const { config } = this.#options;
    const isBooting = this.phase === 'booting';
    this.#stopWithin(isBooting ? config.KILL_GRACE_SECONDS * 1000 : stopTimeoutSeconds(config) * 1000);
    this.send({ type: 'drain', reason, delay });
    this.#endRecycle();
  }

  /** Has it stop within two seconds. */
  force(): void {
    this.stopsByItself();
    this.send({ type: 'force' });
  }

  /** It is about to exit, and does not have to be asked. */
  stopsByItself(): void {
    const { config } = this.#options;
    const before = this.killAt;
    this.#stopWithin(FORCED_MS + config.KILL_GRACE_SECONDS * 1000);
    this.killAt = Math.min(before, this.killAt);
  }

  /** `worker.kill()` of Node would send a message first, which a hung worker does not receive. */
  kill(signal: NodeJS.Signals): void {
    this.#stopWithin(signal === 'SIGKILL' ? Infinity : this.#options.config.KILL_GRACE_SECONDS * 1000);
    this.#worker.process.kill(signal);
  }

  send(message: ToWorker): void {
    if (this.#queued) this.#queued.push(message);
    else if (this.#worker.isConnected()) this.#worker.send(message);
  }

  /** Rejects when the worker does not reply in time, reports an error, or ends. */
  query(query: Query, timeoutMs: number): Promise<unknown> {
    const id = ++this.#queries;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.get(id)?.({ error: `worker ${this.slot} did not reply in time` });
      }, timeoutMs);
      this.#waiting.set(id, ({ value, error }) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      });
      this.send({ ...query, id });
    });
  }

  #stopWithin(milliseconds: number): void {
    this.phase = 'stopping';
    this.killAt = this.#options.now() + milliseconds;
  }

  #onMessage(message: ToPrimary): void {
    this.lastMessageAt = this.#options.now();
    this.#sendQueued();
    if (message.type === 'reply') this.#waiting.get(message.id)?.(message);
    else this.#options.onMessage(this, message);
  }

  /** The worker listens now. Its time to stop begins here, because it has not received that message before. */
  #sendQueued(): void {
    const queued = this.#queued ?? [];
    this.#queued = undefined;
    for (const message of queued) {
      if (message.type === 'drain') this.#stopWithin(stopTimeoutSeconds(this.#options.config) * 1000);
      if (message.type === 'force') this.force();
      else this.send(message);
    }
  }

  #onExit(exit: Exit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#endRecycle(`worker ${this.slot} ended`);
    for (const settle of this.#waiting.values()) settle({ error: `worker ${this.slot} ended` });
    this.#options.onExit(this, exit);
  }
}
