import type { Worker } from 'node:cluster';
import { isOurs, type Beat, type Question, type ToPrimary, type ToWorker } from './messages.ts';
import { recycleReasonOf, type WearLimits, type WorkerPhase, type WorkerView } from './policy.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** It never began: the system had no memory or no process to give. */
  readonly error?: Error;
}

/** What happens to a worker. */
export interface WorkerEvents {
  message(worker: WorkerProcess, message: ToPrimary): void;
  exit(worker: WorkerProcess, exit: Exit): void;
}

/** Where a worker belongs, and when it was forked, in milliseconds of the supervisor's clock. */
export interface Place {
  readonly slot: number;
  readonly generation: number;
  readonly forkedAt: number;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One worker, as the primary sees it: what is known about it, and a way to talk to it. */
export class WorkerProcess implements WorkerView {
  readonly slot: number;
  readonly generation: number;
  readonly forkedAt: number;
  phase: WorkerPhase = 'booting';
  readyAt = Infinity;
  beatAt: number;
  killAt = Infinity;
  recycleReason: string | undefined;
  beat: Beat | undefined;
  /** It does something long and blocking that was asked of it: its silence means nothing. */
  heartbeatPaused = false;

  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #questions = 0;
  /** What it was told while it booted, and has not heard; undefined from then on. */
  #unheard: ToWorker[] | undefined = [];
  #heavyBeats = 0;
  #ended = false;

  constructor(worker: Worker, place: Place, events: WorkerEvents) {
    this.#worker = worker;
    this.slot = place.slot;
    this.generation = place.generation;
    this.forkedAt = place.forkedAt;
    this.beatAt = place.forkedAt;
    worker.on('message', (message: unknown) => {
      if (isOurs(message)) this.#receive(message as ToPrimary, events);
    });
    worker.on('exit', (code: number | null, signal: string | null) => {
      this.#end({ code, signal }, events);
    });
    // Without a pid it was never born, and there will be no exit. With one, a message missed a worker that just died.
    worker.on('error', (error) => {
      if (this.pid === undefined) this.#end({ code: null, signal: null, error }, events);
    });
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** For the log. */
  get name() {
    return { slot: this.slot, worker: this.pid };
  }

  markReady(now: number): void {
    this.phase = 'ready';
    this.#unheard = undefined;
    this.readyAt = now;
  }

  noteBeat(beat: Beat, limits: WearLimits): void {
    this.beat = beat;
    this.#heavyBeats = beat.rssBytes > limits.MAX_RSS_MB * 1024 ** 2 ? this.#heavyBeats + 1 : 0;
    this.recycleReason = recycleReasonOf(
      { slot: this.slot, requests: beat.requests, heavyBeats: this.#heavyBeats },
      limits,
    );
  }

  send(message: ToWorker): void {
    this.#unheard?.push(message);
    if (this.#worker.isConnected()) this.#worker.send(message);
  }

  /** What must be said again, now that it hears. */
  takeUnheard(): ToWorker[] {
    const unheard = this.#unheard ?? [];
    this.#unheard = undefined;
    return unheard;
  }

  /** `worker.kill()` of Node would ask the worker first; one that hangs does not hear. */
  kill(signal: NodeJS.Signals): void {
    this.#worker.process.kill(signal);
  }

  /**
   * Asks the worker something.
   *
   * @throws {Error} when it does not answer in time, can't do it, or is gone.
   */
  async ask(question: Question, timeoutMs: number): Promise<unknown> {
    const id = ++this.#questions;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        timer = setTimeout(() => {
          reject(new Error(`worker ${this.slot} did not answer in time`));
        }, timeoutMs);
        this.send({ ...question, id });
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #receive(message: ToPrimary, events: WorkerEvents): void {
    events.message(this, message);
    if (message.type !== 'reply') return;
    const waiting = this.#waiting.get(message.id);
    if (message.error === undefined) waiting?.resolve(message.value);
    else waiting?.reject(new Error(message.error));
  }

  #end(exit: Exit, events: WorkerEvents): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiting of this.#waiting.values()) waiting.reject(new Error(`worker ${this.slot} ended`));
    events.exit(this, exit);
  }
}
