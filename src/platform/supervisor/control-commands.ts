import { join } from 'node:path';
import type { PlatformConfig } from '../config/settings.ts';
import { maxWorkers } from './concurrency.ts';
import { WrongUsage, type ControlCommands } from './control.ts';
import type { Question } from './messages.ts';
import type { Supervisor } from './supervisor.ts';
import type { WorkerProcess } from './worker-process.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

const DEFAULT_PROFILE_SECONDS = 10;
const MAX_PROFILE_SECONDS = 300;

/** How long a worker may take to write what it found, in milliseconds. */
const WRITE_TIMEOUT_MS = 30_000;

/** A snapshot of some gigabytes takes minutes. */
const SNAPSHOT_TIMEOUT_MS = 600_000;

type Settings = Pick<PlatformConfig, 'STORE' | 'DIAGNOSTICS_DIR'>;

/** What `npm run ctl` can ask for. Each throws an Error that says what was wrong with the question. */
export function controlCommands(supervisor: Supervisor, config: Settings): ControlCommands {
  return {
    status: () => supervisor.status,
    reload: async () => {
      const result = await supervisor.reload('control');
      if (!result.ok) throw new Error(`the reload was aborted, the old workers stay: ${result.reason ?? ''}`);
      return result;
    },
    scale: ([wanted]) => {
      const from = supervisor.status.target;
      return { from, to: scaleTo(supervisor, config, parseCount(wanted, from)) };
    },
    stop: () => {
      supervisor.stop('control');
      return { stopping: true };
    },
    'cpu-profile': async ([slot, seconds]) => {
      const duration = parseSeconds(seconds);
      const file = fileName(config, slot, 'cpuprofile');
      const question = { type: 'cpu-profile', seconds: duration, file } as const;
      return diagnose(workerOf(supervisor, slot), question, duration * 1000 + WRITE_TIMEOUT_MS);
    },
    'heap-snapshot': async ([slot]) => {
      const file = fileName(config, slot, 'heapsnapshot');
      return diagnose(workerOf(supervisor, slot), { type: 'heap-snapshot', file }, SNAPSHOT_TIMEOUT_MS);
    },
    'log-level': ([level = '']) => {
      if (!LOG_LEVELS.includes(level))
        throw new WrongUsage(`log-level takes one of: ${LOG_LEVELS.join(', ')}`);
      supervisor.setLogLevel(level);
      return { level };
    },
  };
}

/**
 * Scales, for signals and control alike.
 *
 * @throws {Error} that says why there can't be so many.
 */
export function scaleTo(
  supervisor: Supervisor,
  config: Pick<PlatformConfig, 'STORE'>,
  count: number,
): number {
  if (count < 1) throw new Error('one worker is the least; use stop to end all');
  if (count > maxWorkers(config)) {
    const why =
      config.STORE === 'memory' ? ' with STORE=memory, which processes do not share; use Redis' : '';
    throw new Error(`${maxWorkers(config)} is the most${why}`);
  }
  supervisor.scale(count);
  return count;
}

function parseCount(wanted: string | undefined, current: number): number {
  const [, sign, digits] = /^([+-]?)(\d{1,4})$/.exec(wanted ?? '') ?? [];
  if (digits === undefined) throw new WrongUsage('scale takes a number of workers: 4, +1 or -1');
  if (!sign) return Number(digits);
  return current + Number(`${sign}${digits}`);
}

function parseSeconds(text: string | undefined): number {
  const seconds = text === undefined ? DEFAULT_PROFILE_SECONDS : Number(text);
  if (seconds > 0 && seconds <= MAX_PROFILE_SECONDS) return seconds;
  throw new WrongUsage(`cpu-profile takes a number of seconds up to ${MAX_PROFILE_SECONDS}`);
}

/** The one that serves in the slot: during a replacement that is the older one. */
function workerOf(supervisor: Supervisor, slot: string | undefined): WorkerProcess {
  const worker = supervisor.workers.find(
    (candidate) => String(candidate.slot) === slot && candidate.phase === 'ready',
  );
  if (worker) return worker;
  const slots = new Set(supervisor.workers.map((candidate) => candidate.slot));
  throw new Error(`no worker ${slot ?? ''} is ready; there are: ${[...slots].join(', ')}`);
}

function fileName(config: Settings, slot: string | undefined, extension: string): string {
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
  return join(config.DIAGNOSTICS_DIR, `worker-${slot ?? ''}-${time}.${extension}`);
}

async function diagnose(worker: WorkerProcess, question: Question & { file: string }, timeoutMs: number) {
  if (worker.heartbeatPaused) throw new Error(`worker ${worker.slot} is being examined already`);
  worker.heartbeatPaused = true;
  try {
    await worker.ask(question, timeoutMs);
    return { worker: worker.slot, pid: worker.pid, file: question.file };
  } finally {
    worker.heartbeatPaused = false;
  }
}
