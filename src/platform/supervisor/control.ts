import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { maxWorkers } from './fork.ts';
import { COMMANDS, isCommand, type Command, type Query } from './messages.ts';
import type { Supervisor } from './supervisor.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A request is one line of JSON; so is the response. */
export interface ControlRequest {
  readonly command: string;
  readonly args: readonly string[];
}

export type ControlResponse =
  | { readonly ok: true; readonly result: unknown }
  /** `usage`: the request itself was wrong. */
  | { readonly ok: false; readonly error: string; readonly usage?: true };

type Commands = Readonly<Record<Command, (args: readonly string[]) => unknown>>;

/** No state of the app would make the request right. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MAX_REQUEST_BYTES = 4096;

/** From the connection to the whole request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 5000;

const STOPPING = { stopping: true };

const OWNER_ONLY_UMASK = 0o177;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

const DEFAULT_PROFILE_SECONDS = 10;
const MAX_PROFILE_SECONDS = 300;

/** How long a worker may take to write a profile, in milliseconds. */
const WRITE_TIMEOUT_MS = 30_000;

/** A snapshot of some gigabytes takes minutes. */
const SNAPSHOT_TIMEOUT_MS = 600_000;

/**
 * Serves commands on a Unix socket that only this user (and root) can connect to.
 *
 * @returns undefined when the path is not available: then there is no control, and the app serves all the same.
 */
export async function openControl(
  supervisor: Supervisor,
  config: PlatformConfig,
  logger: Logger,
): Promise<Server | undefined> {
  const path = config.CONTROL_SOCKET;
  const commands = createCommands(supervisor, config);
  // Half-open, because a client may end its side after the request and still wait for the response.
  const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket, commands, logger));
  try {
    await removeStale(path);
    // The file gets its mode when it is created: changed afterwards, others could connect in between.
    const umask = process.umask(OWNER_ONLY_UMASK);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
    await once(server, 'listening');
    return server;
  } catch (error) {
    logger.error({ path, err: error }, 'cannot open control socket; set CONTROL_SOCKET to an available path');
    return undefined;
  }
}

/** A primary that was killed leaves its socket behind. One that is in use, or another kind of file, stays. */
async function removeStale(path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (!file?.isSocket()) return;
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') await rm(path, { force: true });
  } finally {
    probe.destroy();
  }
}

/** What `npm run ctl` offers. */
function createCommands(supervisor: Supervisor, config: PlatformConfig): Commands {
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
      return STOPPING;
    },
    'cpu-profile': ([slot, text]) => {
      const seconds = parseSeconds(text);
      const file = fileName(config, slot, 'cpuprofile');
      const timeoutMs = seconds * 1000 + WRITE_TIMEOUT_MS;
      return diagnose(readyWorker(supervisor, slot), { type: 'cpu-profile', seconds, file }, timeoutMs);
    },
    'heap-snapshot': ([slot]) => {
      const file = fileName(config, slot, 'heapsnapshot');
      return diagnose(readyWorker(supervisor, slot), { type: 'heap-snapshot', file }, SNAPSHOT_TIMEOUT_MS);
    },
    'log-level': ([level = '']) => {
      const choices = LOG_LEVELS.join(', ');
      if (!LOG_LEVELS.includes(level)) throw new UsageError(`log-level takes one of: ${choices}`);
      supervisor.setLogLevel(level);
      return { level };
    },
  };
}

/**
 * Scales, for signals and control alike.
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

function parseSeconds(text: string | undefined): number {
  const seconds = text === undefined ? DEFAULT_PROFILE_SECONDS : Number(text);
  if (seconds > 0 && seconds <= MAX_PROFILE_SECONDS) return seconds;
  throw new UsageError(`cpu-profile takes a number of seconds up to ${MAX_PROFILE_SECONDS}`);
}

/** During a replacement this is the older worker of the slot. */
function readyWorker({ workers }: Supervisor, slot: string | undefined): WorkerProcess {
  const worker = workers.find((candidate) => String(candidate.slot) === slot && candidate.phase === 'ready');
  if (worker) return worker;
  const slots = new Set(workers.map((candidate) => candidate.slot));
  throw new Error(`no worker ${slot ?? ''} is ready; there are: ${[...slots].join(', ')}`);
}

function fileName(config: PlatformConfig, slot: string | undefined, extension: string): string {
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
  return join(config.DIAGNOSTICS_DIR, `worker-${slot ?? ''}-${time}.${extension}`);
}

async function diagnose(worker: WorkerProcess, query: Query & { file: string }, timeoutMs: number) {
  if (worker.heartbeatPaused) throw new Error(`worker ${worker.slot} takes a profile or a snapshot already`);
  worker.heartbeatPaused = true;
  try {
    await worker.query(query, timeoutMs);
    return { worker: worker.slot, pid: worker.pid, file: query.file };
  } finally {
    worker.heartbeatPaused = false;
  }
}

async function serve(socket: Socket, commands: Commands, logger: Logger): Promise<void> {
  socket.on('error', () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
  const line = await readLine(socket).catch(() => undefined);
  clearTimeout(timer);
  if (line === undefined) {
    socket.destroy();
    return;
  }
  const response = await respond(line, commands, logger);
  if (socket.destroyed) return;
  socket.write(`${JSON.stringify(response)}\n`);
  // The end of the connection means "done". A stop is done when this process exits, which ends it.
  if (!response.ok || response.result !== STOPPING) socket.end();
}

/** @returns undefined when the client closed the connection, or sent too much. */
async function readLine(socket: Socket): Promise<string | undefined> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += chunk as string;
    if (text.includes('\n')) return text.split('\n', 1)[0];
    if (text.length > MAX_REQUEST_BYTES) return undefined;
  }
  return text || undefined;
}

async function respond(line: string, commands: Commands, logger: Logger): Promise<ControlResponse> {
  try {
    const { command = '', args = [] } = JSON.parse(line) as Partial<ControlRequest>;
    if (!isCommand(command)) throw new UsageError(`there is no command "${command}": ${COMMANDS.join(', ')}`);
    if (command !== 'status') logger.info({ command, args }, 'control');
    return { ok: true, result: await commands[command](args) };
  } catch (error) {
    const { message } = error as Error;
    return { ok: false, error: message, ...(error instanceof UsageError && { usage: true as const }) };
  }
}
