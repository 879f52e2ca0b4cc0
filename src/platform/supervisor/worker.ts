import cluster, { type Worker } from 'node:cluster';
import type { Server } from 'node:http';
import type { ProcessManagerEnv } from '../config/process-manager-env.ts';
import type { RequestCounts } from '../lifecycle/connections.ts';
import type { Logger } from '../observability/logger.ts';
import { keepInspectorClosed } from '../lifecycle/signals.ts';
import { describe } from '../observability/thrown.ts';
import { isOurs, type Question, type ToPrimary, type ToWorker } from './messages.ts';
import { createHeartbeat } from './heartbeat.ts';
import { answers } from './self-check.ts';

const BEAT_MS = 1000;

/** With Node's inspector, which few processes ever need: not at each start. */
const diagnostics = () => import('./diagnostics.ts');

/**
 * What a terminal or a service manager sends to the whole process group. The primary gets it too, and tells each worker
 * what it means for it: a worker that left on its own would leave at the wrong time.
 */
const GROUP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGTTIN', 'SIGTTOU'] as const;

/** What the primary, or its death, makes a worker do. */
export interface WorkerOrders {
  /** Leave: drain, then call `leave`. May come again. */
  drain(reason: string, options: { delay: boolean }): void;
  /** Leave within two seconds. */
  force(): void;
}

export interface WorkerParts {
  readonly logger: Logger;
  readonly requests: RequestCounts;
  /** For the primary's /metrics. */
  readonly metrics: () => Promise<unknown>;
  readonly orders: WorkerOrders;
}

/** A worker's side of the cluster. */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #parts: WorkerParts;
  #isReady = false;
  #isDying = false;

  /** @returns undefined where this process has no primary, or one of PM2's. */
  static join(managerEnv: ProcessManagerEnv, parts: WorkerParts): WorkerLink | undefined {
    return managerEnv.workerSlot !== undefined && cluster.worker
      ? new WorkerLink(cluster.worker, parts)
      : undefined;
  }

  private constructor(worker: Worker, parts: WorkerParts) {
    this.#worker = worker;
    this.#parts = parts;
    for (const signal of GROUP_SIGNALS) {
      process.on(signal, () => {
        if (!process.connected) parts.orders.force();
      });
    }
    keepInspectorClosed();
    process.on('message', (message) => {
      if (isOurs(message)) void this.#obey(message as ToWorker);
    });
    process.prependListener('disconnect', () => {
      this.#onDisconnect();
    });
    process.on('uncaughtException', (error: unknown) => {
      this.#onFatal(error);
    });
    this.#tell({ type: 'joined' });
  }

  /** Tells the primary that this worker serves, once it answers its own health check, and from then on how it is. */
  async ready(server: Server): Promise<void> {
    await answers(server);
    this.#isReady = true;
    this.#tell({ type: 'ready' });
    const heartbeat = createHeartbeat(this.#parts.requests);
    const beat = () => {
      this.#tell({ type: 'beat', beat: heartbeat() });
    };
    setInterval(beat, BEAT_MS).unref();
  }

  /**
   * Ends this process, after the primary has received what it counted.
   */
  async leave(code: number): Promise<void> {
    process.exitCode = this.#isDying ? 1 : code;
    const exit = () => process.exit();
    if (!process.connected) exit();
    this.#tell({ type: 'leaving', metrics: await this.#parts.metrics().catch(() => undefined) });
    process.once('disconnect', exit);
    this.#worker.disconnect();
  }

  #tell(message: ToPrimary): void {
    // The callback takes the error of a primary that dies just now.
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  }

  async #obey(message: ToWorker): Promise<void> {
    const { orders, logger } = this.#parts;
    if (message.type === 'drain') orders.drain(message.reason, message);
    else if (message.type === 'force') orders.force();
    else if (message.type === 'log-level') logger.level = message.level;
    else await this.#reply(message.id, message);
  }

  async #reply(id: number, question: Question): Promise<void> {
    try {
      this.#tell({ type: 'reply', id, value: await this.#answer(question) });
    } catch (error) {
      this.#tell({ type: 'reply', id, error: describe(error) });
    }
  }

  async #answer(question: Question): Promise<unknown> {
    switch (question.type) {
      case 'metrics':
        return this.#parts.metrics();
      case 'cpu-profile':
        return (await diagnostics()).recordCpuProfile(question.file, question.seconds);
      case 'heap-snapshot':
        return (await diagnostics()).takeHeapSnapshot(question.file);
    }
  }

  /** Node would end an orphan at once, with the requests it is answering. */
  #onDisconnect(): void {
    if (this.#worker.exitedAfterDisconnect) return;
    this.#worker.exitedAfterDisconnect = true;
    this.#parts.orders.drain('the primary is gone', { delay: false });
  }

  /**
   * Nobody knows what state this process is in, so it must end; but others' requests are in its hands. The primary is
   * told at once, replaces it, and these have two seconds.
   */
  #onFatal(error: unknown): void {
    if (!this.#isReady || this.#isDying) {
      process.exit(1);
    }
    this.#isDying = true;
    this.#tell({ type: 'fatal', message: `died of an uncaught error: ${describe(error)}` });
    this.#parts.orders.force();
    this.#parts.orders.drain('uncaught error', { delay: false });
  }
}
