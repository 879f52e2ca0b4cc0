import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { STOPPING, UsageError } from './commands.ts';
import { COMMANDS, isCommand, type Command } from './messages.ts';

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

const MAX_REQUEST_BYTES = 4096;

/** From the connection to the whole request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 5000;

const OWNER_ONLY_UMASK = 0o177;

/**
 * Serves commands on a Unix socket that only this user (and root) can connect to.
 *
 * @returns undefined when the path is not available: then there is no control, and the app serves all the same.
 */
export async function openControl(
  commands: Commands,
  { CONTROL_SOCKET: path }: Pick<PlatformConfig, 'CONTROL_SOCKET'>,
  logger: Logger,
): Promise<Server | undefined> {
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
