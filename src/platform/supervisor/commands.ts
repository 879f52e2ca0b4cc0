import { join } from 'node:path';
import { platformSettings, type PlatformConfig } from '../config/settings.ts';
import { maxWorkers } from './fork.ts';
import type { Command, Diagnosis } from './messages.ts';
import type { Supervisor } from './supervisor.ts';
import type { WorkerProcess } from './worker-process.ts';

type Run = (args: readonly string[]) => unknown;

/** What `npm run ctl` offers, and the operations page; beside it, `npm run ctl` prints the address of that page. */
export type Commands = Readonly<Record<Exclude<Command, 'admin'>, Run>>;

/** No state of the app would make the request right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The result of a stop, which is done when this process exits. */
export const STOPPING = { stopping: true };

/** Those that the setting takes. */
const LOG_LEVELS = platformSettings.LOG_LEVEL.wrapped.options;

const DEFAULT_PROFILE_SECONDS = 10;
const MAX_PROFILE_SECONDS = 300;

/** How long a worker may take to write a profile, in milliseconds. */
const WRITE_TIMEOUT_MS = 30_000;

/** A snapshot of some gigabytes takes minutes. */
const SNAPSHOT_TIMEOUT_MS = 600_000;

/** @param source - who gives them, for the log and the list of reloads. */
export function createCommands(supervisor: Supervisor, config: PlatformConfig, source: string): Commands {
  return {
    status: () => supervisor.status,
    reload: async () => {
      const result = await supervisor.reload(source);
      if (!result.ok) throw new Error(`the reload was aborted, the old workers stay: ${result.reason ?? ''}`);
      return result;
    },
    scale: ([wanted]) => {
      const from = supervisor.status.target;
      return { from, to: scaleTo(supervisor, config, parseCount(wanted, from)) };
    },
    recycle: async ([slot]) => {
      const worker = readyWorker(supervisor, slot);
      const { state } = supervisor.status;
      if (state !== 'serving') throw new Error(`the app is ${state}: a worker is recycled while all serve`);
      await supervisor.recycle(worker);
      return { worker: worker.slot, pid: worker.pid };
    },
    stop: () => {
      supervisor.stop(source);
      return STOPPING;
    },
    ...diagnosticCommands(config, {
      setLogLevel: (level) => {
        supervisor.setLogLevel(level);
      },
      diagnose: (slot, diagnosis, timeoutMs) => diagnose(readyWorker(supervisor, slot), diagnosis, timeoutMs),
    }),
  };
}

interface DiagnosticParts {
  readonly setLogLevel: (level: string) => void;
  readonly diagnose: (slot: string | undefined, diagnosis: Diagnosis, timeoutMs: number) => unknown;
}

/** Those that a single process has, too. */
export function diagnosticCommands(
  config: PlatformConfig,
  { setLogLevel, diagnose: write }: DiagnosticParts,
) {
  const recording =
    (type: 'cpu-profile' | 'heap-sample', extension: string): Run =>
    ([slot, text]) => {
      const seconds = parseSeconds(type, text);
      const file = fileName(config, slot, extension);
      return write(slot, { type, seconds, file }, seconds * 1000 + WRITE_TIMEOUT_MS);
    };
  const snapshot: Run = ([slot]) => {
    const file = fileName(config, slot, 'heapsnapshot');
    return write(slot, { type: 'heap-snapshot', file }, SNAPSHOT_TIMEOUT_MS);
  };
  const logLevel: Run = ([level = '']) => {
    if (!LOG_LEVELS.some((known) => known === level))
      throw new UsageError(`log-level takes one of: ${LOG_LEVELS.join(', ')}`);
    setLogLevel(level);
    return { level };
  };
  return {
    'cpu-profile': recording('cpu-profile', 'cpuprofile'),
    'heap-sample': recording('heap-sample', 'heapprofile'),
    'heap-snapshot': snapshot,
    'log-level': logLevel,
  };
}

/** What a command has done, in one sentence; the path where it made a file. */
export function describeResult(command: string, result: unknown): string {
  const fields = result as Record<string, string | number>;
  switch (command) {
    case 'reload':
      return `reloaded: generation ${fields.generation ?? ''} serves`;
    case 'scale':
      return `scaled from ${fields.from ?? ''} to ${fields.to ?? ''} workers`;
    case 'recycle':
      return `recycled worker ${fields.worker ?? ''}`;
    case 'stop':
      return 'stopped';
    case 'log-level':
      return `the log level is ${fields.level ?? ''}`;
    case 'admin':
      return String(fields.url);
    default:
      return String(fields.file);
  }
}

/**
 * Scales, for signals and commands alike.
 *
 * @throws {Error} when this number of workers is not possible.
 */
export function scaleTo(
  supervisor: Supervisor,
  config: Pick<PlatformConfig, 'STORE'>,
  count: number,
): number {
  const max = maxWorkers(config);
  if (count < 1) throw new Error('the minimum is one worker; use stop to stop the app');
  if (count > max) {
    const why =
      config.STORE === 'memory' ? ' with STORE=memory, which processes do not share; use Redis' : '';
    throw new Error(`the maximum is ${max}${why}`);
  }
  supervisor.scale(count);
  return count;
}

function parseCount(wanted: string | undefined, current: number): number {
  const [, sign, digits] = /^([+-]?)(\d{1,4})$/.exec(wanted ?? '') ?? [];
  if (digits === undefined) throw new UsageError('scale takes a number of workers: 4, +1 or -1');
  return sign ? current + Number(`${sign}${digits}`) : Number(digits);
}

function parseSeconds(command: string, text: string | undefined): number {
  const seconds = text === undefined ? DEFAULT_PROFILE_SECONDS : Number(text);
  if (seconds > 0 && seconds <= MAX_PROFILE_SECONDS) return seconds;
  throw new UsageError(`${command} takes a number of seconds up to ${MAX_PROFILE_SECONDS}`);
}

/** During a replacement this is the older worker of the slot. */
function readyWorker({ workers }: Supervisor, slot: string | undefined): WorkerProcess {
  if (slot === undefined) throw new UsageError('which worker? The status has their numbers');
  const worker = workers.find((candidate) => String(candidate.slot) === slot && candidate.phase === 'ready');
  if (worker) return worker;
  const slots = new Set(workers.map((candidate) => candidate.slot));
  throw new Error(`no worker ${slot} is ready; there are: ${[...slots].join(', ')}`);
}

function fileName(config: PlatformConfig, slot: string | undefined, extension: string): string {
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
  return join(config.DIAGNOSTICS_DIR, `worker-${slot ?? ''}-${time}.${extension}`);
}

async function diagnose(worker: WorkerProcess, diagnosis: Diagnosis, timeoutMs: number) {
  if (worker.heartbeatPaused) throw new Error(`worker ${worker.slot} takes a profile or a snapshot already`);
  worker.heartbeatPaused = true;
  try {
    await worker.query(diagnosis, timeoutMs);
    return { worker: worker.slot, pid: worker.pid, file: diagnosis.file };
  } finally {
    worker.heartbeatPaused = false;
  }
}
