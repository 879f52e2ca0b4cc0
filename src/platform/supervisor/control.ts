import { lstat, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../observability/logger.ts';

/** A request is one line of JSON; so is the answer. */
export interface ControlRequest {
  readonly command: string;
  readonly args: readonly string[];
}

export type ControlResponse =
  | { readonly ok: true; readonly result: unknown }
  /** `usage`: the question was wrong, not the answer. */
  | { readonly ok: false; readonly error: string; readonly usage?: true };

/** A command was asked for in a way that no state of the app would make right. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

export type ControlCommands = Readonly<Record<string, (args: readonly string[]) => unknown>>;

/** Nobody asks for more than a few words. */
const MAX_REQUEST_BYTES = 4096;

/** From the connection to the whole request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 5000;

/** Only the owner may do anything with the socket's file. */
const OWNER_ONLY_UMASK = 0o177;

/**
 * Serves commands on a Unix socket that only this user (and root) can connect to.
 *
 * @returns undefined when it is not available: then there is no control, and the app serves all the same.
 */
export async function openControl(
  path: string,
  commands: ControlCommands,
  logger: Logger,
): Promise<Server | undefined> {
  // Half-open, because a client may end its side with the request and still wait for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket, commands, logger));
  try {
    await removeStale(path);
    await bind(server, path);
    return server;
  } catch (error) {
    logger.error({ path, err: error }, 'no control socket; set CONTROL_SOCKET to a path that can be had');
    return undefined;
  }
}

async function bind(server: Server, path: string): Promise<void> {
  // The file gets its mode as it is made: changed afterwards, there would be a moment for others.
  const before = process.umask(OWNER_ONLY_UMASK);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}

/**
 * A primary that was killed leaves its socket behind. One that runs is left alone: listening then fails. So does it with
 * a file of another kind, to which nobody can connect either.
 */
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

async function serve(socket: Socket, commands: ControlCommands, logger: Logger): Promise<void> {
  socket.on('error', () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
  const line = await readLine(socket);
  clearTimeout(timer);
  if (line === undefined) {
    socket.destroy();
    return;
  }
  const answer = await carryOut(line, commands, logger);
  if (socket.destroyed) return;
  socket.write(`${JSON.stringify(answer)}\n`);
  // The end of the connection says "done". A stop is done when this process is gone, which ends it.
  if (!isStopping(answer)) socket.end();
}

function isStopping(answer: ControlResponse): boolean {
  return (
    answer.ok && typeof answer.result === 'object' && answer.result !== null && 'stopping' in answer.result
  );
}

/** undefined: the client has left, or goes on and on. */
async function readLine(socket: Socket): Promise<string | undefined> {
  let text = '';
  socket.setEncoding('utf8');
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      text += chunk as string;
      const end = text.indexOf('\n');
      if (end !== -1) return text.slice(0, end);
      if (text.length > MAX_REQUEST_BYTES) return undefined;
    }
  } catch {
    return undefined;
  }
  return text || undefined;
}

async function carryOut(line: string, commands: ControlCommands, logger: Logger): Promise<ControlResponse> {
  try {
    const { command, args } = parse(line);
    const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
    if (!run) throw new WrongUsage(`there is no command "${command}": ${Object.keys(commands).join(', ')}`);
    if (command !== 'status') logger.info({ command, args }, 'control');
    return { ok: true, result: await run(args) };
  } catch (error) {
    const { message } = error as Error;
    return { ok: false, error: message, ...(error instanceof WrongUsage && { usage: true as const }) };
  }
}

function parse(line: string): ControlRequest {
  const request = JSON.parse(line) as Partial<ControlRequest> | null;
  if (typeof request?.command !== 'string') throw new Error('a request needs a command');
  return { command: request.command, args: Array.isArray(request.args) ? request.args.map(String) : [] };
}
