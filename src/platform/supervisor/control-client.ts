import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ControlResponse, ControlRequest } from './control.ts';

/** There is no primary to talk to, or none that we may trust. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/**
 * Has a primary carry out a command.
 *
 * @throws {Unreachable} when nothing answers at the path, or something that is not ours does.
 */
export async function sendCommand(path: string, request: ControlRequest): Promise<ControlResponse> {
  await checkOwner(path);
  const socket = await open(path);
  socket.end(`${JSON.stringify(request)}\n`);
  const line = await text(socket).catch(() => '');
  if (line === '') throw new Unreachable('the primary ended before it answered');
  return JSON.parse(line) as ControlResponse;
}

/** Whoever can write to the folder could put a socket of his own there; root may control anybody's. */
async function checkOwner(path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (!file) {
    throw new Unreachable(
      `nothing runs here: there is no socket at ${path}. Start the app with npm start, or name its socket with CONTROL_SOCKET`,
    );
  }
  if (!file.isSocket())
    throw new Unreachable(`${path} is not a socket; name the right one with CONTROL_SOCKET`);
  const us = process.getuid?.();
  if (us !== 0 && file.uid !== us) {
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
    throw new Unreachable(`can't connect to ${path} (${code ?? 'error'})`);
  }
}
