import type { PlatformConfig } from '../config/settings.ts';
import type { Fork } from './fork.ts';
import type { Logger } from '../observability/logger.ts';
import type { Status } from './status.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What the entry wants to hear. */
export interface SupervisorHooks {
  /** Once: all workers are ready for the first time. */
  started(): void;
  /** The state, the target or the number of ready workers is another one. */
  changed(status: Status): void;
  /** A worker that leaves tells its last metrics. */
  leaving(worker: WorkerProcess, metrics: unknown): void;
  /** A worker has ended, one way or the other. */
  gone(worker: WorkerProcess): void;
  /** All workers are gone. */
  ended(code: number): void;
}

export interface SupervisorParts {
  readonly config: PlatformConfig;
  readonly logger: Logger;
  readonly fork: Fork;
  /** How many workers to begin with. */
  readonly target: number;
  /** Off while a debugger may stop a worker. */
  readonly detectHangs: boolean;
  /** Whether the listening socket is systemd's. */
  readonly borrowedSocket: boolean;
  readonly hooks: SupervisorHooks;
}
