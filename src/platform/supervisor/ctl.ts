import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { ConfigError, EXIT_BAD_CONFIG } from '../config/config-error.ts';
import { loadControlSocket } from '../config/define-config.ts';
import type { ControlRequest, ControlResponse } from './control.ts';
import { describeResult } from './commands.ts';
import { isCommand } from './messages.ts';
import type { Status, WorkerStatus } from './status.ts';

const USAGE = `Controls the app that npm start runs.

  npm run ctl -- status                       the state of the app and of each worker
  npm run ctl -- reload                       replaces all workers by new ones, one at a time, and waits for it
  npm run ctl -- scale N|+N|-N                sets the number of workers, or changes it by N
  npm run ctl -- recycle WORKER               replaces one worker by a new one, and waits for it
  npm run ctl -- stop                         finishes all requests, stops the app, and waits for it
  npm run ctl -- cpu-profile WORKER [SECONDS] writes where a worker spends its time: a .cpuprofile
  npm run ctl -- heap-sample WORKER [SECONDS] writes where a worker allocates memory: a .heapprofile
  npm run ctl -- heap-snapshot WORKER         writes a worker's memory: a .heapsnapshot (it blocks the worker)
  npm run ctl -- log-level LEVEL              fatal, error, warn, info, debug, trace or silent, until a restart
  npm run ctl -- admin                        prints the link to the operations page, with its token

--json prints the response as JSON. The socket is CONTROL_SOCKET's.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing runs (or it belongs to another user),
78 the configuration is wrong.
`;

const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** There is no primary at the socket, or none that can be trusted. */
class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/**
 * The command line of `npm run ctl`: prints the result on stdout, errors on stderr.
 *
 * @returns the exit code.
 */
export async function runCtl(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  const [command, ...args] = argv.filter((word) => word !== '--json');
  if (!isCommand(command)) {
    const isAsked = command === '--help' || command === 'help';
    (isAsked ? process.stdout : process.stderr).write(USAGE);
    return isAsked ? EXIT.done : EXIT.usage;
  }
  try {
    const response = await sendCommand(loadControlSocket(), { command, args });
    print(command, response, json);
    if (response.ok) return EXIT.done;
    return response.usage ? EXIT.usage : EXIT.failed;
  } catch (error) {
    return explain(error);
  }
}

/**
 * Sends a command to a primary, and waits until it is done.
 *
 * @throws {Unreachable} when nothing responds at the path, or the socket belongs to another user.
 */
export async function sendCommand(path: string, request: ControlRequest): Promise<ControlResponse> {
  await checkOwner(path);
  const socket = await open(path);
  socket.end(`${JSON.stringify(request)}\n`);
  const line = await text(socket).catch(() => '');
  if (line === '') throw new Unreachable('the primary exited before it responded');
  return JSON.parse(line) as ControlResponse;
}

/** Those who can write to the folder could put a socket of their own there; root may control any user's. */
async function checkOwner(path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (!file) {
    const hint = 'Start the app with npm start, or set CONTROL_SOCKET to its socket';
    throw new Unreachable(`nothing runs here: there is no socket at ${path}. ${hint}`);
  }
  if (!file.isSocket()) {
    throw new Unreachable(`${path} is not a socket; set CONTROL_SOCKET to the right path`);
  }
  const user = process.getuid?.();
  if (user !== 0 && file.uid !== user) {
    throw new Unreachable(`${path} belongs to another user (uid ${file.uid}): run this as that user`);
  }
}

async function open(path: string): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') {
      throw new Unreachable(`nothing runs here: ${path} was left behind by a primary that was killed`);
    }
    throw new Unreachable(`cannot connect to ${path} (${code ?? 'error'})`);
  }
}

function print(command: string, response: ControlResponse, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(response.ok ? response.result : response)}\n`);
  else if (response.ok) process.stdout.write(`${describe(command, response.result)}\n`);
  else process.stderr.write(`${response.error}\n`);
}

function describe(command: string, result: unknown): string {
  return command === 'status' ? statusTable(result as Status) : describeResult(command, result);
}

function explain(error: unknown): number {
  if (error instanceof Unreachable) {
    process.stderr.write(`${error.message}\n`);
    return EXIT.unreachable;
  }
  if (!(error instanceof ConfigError)) throw error;
  for (const problem of error.problems) process.stderr.write(`config: ${problem}\n`);
  return EXIT_BAD_CONFIG;
}

/** Numbers are aligned to the right, words to the left. */
const COLUMNS: readonly (readonly [heading: string, cell: (worker: WorkerStatus) => string])[] = [
  ['worker', ({ slot }) => String(slot)],
  ['pid', ({ pid }) => optional(pid)],
  ['state', ({ state }) => state],
  ['gen', ({ generation }) => String(generation)],
  ['uptime', ({ uptimeSeconds }) => duration(uptimeSeconds)],
  ['memory', ({ rssBytes }) => optional(rssBytes, (bytes) => `${Math.round(bytes / 1024 ** 2)} MB`)],
  ['busy', ({ utilization }) => optional(utilization, (share) => `${Math.round(share * 100)} %`)],
  ['delay', ({ delayMs }) => optional(delayMs, (ms) => `${ms.toFixed(1)} ms`)],
  ['requests', ({ requests }) => optional(requests, (count) => count.toLocaleString('en-US'))],
  ['in flight', ({ inFlight }) => optional(inFlight)],
];

/** The status as text for a terminal: a summary, then one line per worker. */
export function statusTable({ workers, counts, lastReload, ...status }: Status): string {
  const { state, ready, target, generation, pid, uptimeSeconds } = status;
  const { crashes, hangs, bootFailures, recycled } = counts;
  const summary = [
    `${state}: ${ready} of ${target} ready · generation ${generation} · primary ${pid} · up ${duration(uptimeSeconds)}`,
    `replaced: ${crashes} crashed, ${hangs} hung, ${bootFailures} did not boot, ${recycled} recycled`,
  ];
  if (lastReload?.ok === false) summary.push(`last reload was aborted: ${lastReload.reason ?? ''}`);
  const columns = COLUMNS.map(([heading, cell]) => {
    const cells = [heading, ...workers.map(cell)];
    const width = Math.max(...cells.map(({ length }) => length));
    return cells.map((value) => (heading === 'state' ? value.padEnd(width) : value.padStart(width)));
  });
  const lines = [undefined, ...workers].map((_, line) => columns.map((cells) => cells[line]).join('  '));
  return [...summary, '', ...lines].join('\n');
}

function optional(value: number | undefined, format: (value: number) => string = String): string {
  return value === undefined ? '–' : format(value);
}

/** 93784 seconds are "1 d 2 h": the two largest units. */
export function duration(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  const shown = units.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}
