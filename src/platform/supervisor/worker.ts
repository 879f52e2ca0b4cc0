import cluster, { type Worker } from 'node:cluster';
import type { Server } from 'node:http';
// eslint-disable-next-line n/no-unsupported-features/node-builtins -- only Node 21, which is out of support, lacks it
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessManagerEnv } from '../config/process-manager-env.ts';
import type { RequestCounts } from '../lifecycle/connections.ts';
import { keepInspectorClosed } from '../lifecycle/signals.ts';
import type { Logger } from '../observability/logger.ts';
import { everySecond } from '../observability/every-second.ts';
import { describe, stackOf } from '../observability/plain.ts';
import type { Activity } from '../operations/index.ts';
import { createHeartbeat, diagnose } from './diagnostics.ts';
import { isOurs, type Query, type ToPrimary, type ToWorker } from './messages.ts';

/** Milliseconds between two tries of the self-check. */
const RETRY_MS = 100;

/**
 * What a terminal or a service manager sends to the whole process group. The primary receives it too, and sends each
 * worker what it has to do: a worker that stopped on its own would stop at the wrong time.
 */
const GROUP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGTTIN', 'SIGTTOU'] as const;

export interface WorkerOptions {
  readonly logger: Logger;
  readonly requests: RequestCounts;
  /** For the primary's /metrics. */
  readonly metrics: () => Promise<unknown>;
  /** For the primary's operations page. */
  readonly activity: Activity | undefined;
  /** Drain, then call `exit`. May be called again. */
  readonly drain: (reason: string, options: { delay: boolean }) => void;
  /** Stop within two seconds. */
  readonly force: () => void;
}

/** @returns undefined where this process has no primary, or one of PM2's. */
export function joinCluster(managerEnv: ProcessManagerEnv, options: WorkerOptions): WorkerLink | undefined {
  if (managerEnv.workerSlot === undefined || !cluster.worker) return undefined;
  return new WorkerLink(cluster.worker, options);
}

/** The worker's side of the cluster: what it reports to the primary, and what it does on its messages. */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #options: WorkerOptions;
  #isReady = false;
  #hasFailed = false;

  constructor(worker: Worker, options: WorkerOptions) {
    this.#worker = worker;
    this.#options = options;
    for (const signal of GROUP_SIGNALS) {
      process.on(signal, () => {
        if (!process.connected) options.force();
      });
    }
    keepInspectorClosed();
    process.on('message', (message) => {
      if (isOurs(message)) void this.#onMessage(message as ToWorker);
    });
    process.prependListener('disconnect', this.#onDisconnect.bind(this));
    process.on('uncaughtException', this.#onFatal.bind(this));
    this.#send({ type: 'joined' });
    options.activity?.onError((error) => {
      this.#send({ type: 'error', error });
    });
  }

  /** Reports to the primary that this worker serves, once it passes its own health check; from then on its heartbeats. */
  async ready(server: Server): Promise<void> {
    await passesSelfCheck(server);
    this.#isReady = true;
    this.#send({ type: 'ready' });
    const measure = createHeartbeat(this.#options.requests);
    everySecond(() => {
      this.#send({ type: 'heartbeat', heartbeat: measure(), report: this.#options.activity?.take() });
    });
  }

  /** Ends this process, after the primary has received what it counted. */
  async exit(code: number): Promise<void> {
    process.exitCode = this.#hasFailed ? 1 : code;
    const exit = () => process.exit();
    if (!process.connected) exit();
    const { metrics, activity } = this.#options;
    this.#send({
      type: 'final-metrics',
      metrics: await metrics().catch(() => undefined),
      report: activity?.take(),
    });
    process.once('disconnect', exit);
    this.#worker.disconnect();
  }

  #send(message: ToPrimary): void {
    // The callback takes the error of a primary that exits at this moment.
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  }

  async #onMessage(message: ToWorker): Promise<void> {
    const { drain, force, logger } = this.#options;
    if (message.type === 'drain') drain(message.reason, message);
    else if (message.type === 'force') force();
    else if (message.type === 'log-level') logger.level = message.level;
    else await this.#reply(message.id, message);
  }

  async #reply(id: number, query: Query): Promise<void> {
    const result = await this.#resultOf(query).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: describe(error) }),
    );
    this.#send({ type: 'reply', id, ...result });
  }

  #resultOf(query: Query): Promise<unknown> {
    return query.type === 'metrics' ? this.#options.metrics() : diagnose(query);
  }

  /** Without the primary Node would exit at once, with requests in progress, unless this says that it is on purpose. */
  #onDisconnect(): void {
    if (this.#worker.exitedAfterDisconnect) return;
    this.#worker.exitedAfterDisconnect = true;
    this.#options.drain('the primary stopped', { delay: false });
  }

  /**
   * The state of this process is undefined, so it must end; but it has requests of others in progress. The primary
   * starts a replacement at once, and these requests have two seconds.
   */
  #onFatal(error: unknown): void {
    if (!this.#isReady || this.#hasFailed) process.exit(1);
    this.#hasFailed = true;
    const stack = this.#options.activity?.exposeErrors ? stackOf(error) : undefined;
    this.#send({ type: 'fatal', message: `failed with an uncaught error: ${describe(error)}`, stack });
    this.#options.force();
    this.#options.drain('uncaught error', { delay: false });
  }
}

/**
 * Resolves when the server responds to its own /livez with 200; the primary has a deadline for that. Not /readyz, which
 * may depend on Redis: a new worker would not fix that.
 *
 * The request comes over a pair of streams, not over the port: there another worker might respond.
 */
async function passesSelfCheck(server: Server): Promise<void> {
  for (;;) {
    const [client, serverSide] = duplexPair();
    server.emit('connection', serverSide);
    client.end('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    if ((await text(client)).startsWith('HTTP/1.1 200 ')) return;
    await sleep(RETRY_MS);
  }
}
