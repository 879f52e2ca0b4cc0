import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An output for processes that this test reads when it wants to, and else nobody. */
export interface Output {
  /** For spawn's stdio. Writes to it wait for the reader, as those of a shell's pipe do. */
  readonly stdio: number | Socket;
  /** What is there, a few kilobytes at most; empty when there is nothing. */
  read(): string;
  close(): Promise<void>;
}

/** A FIFO, which a shell's pipe is like. */
async function openFifo(): Promise<Output> {
  const folder = await mkdtemp(join(tmpdir(), 'fifo-'));
  const path = join(folder, 'log');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const chunk = Buffer.alloc(8192);
  const read = () => {
    try {
      return chunk.toString('latin1', 0, readSync(reader, chunk));
    } catch {
      return '';
    }
  };
  const close = async () => {
    closeSync(reader);
    closeSync(writer);
    await rm(folder, { recursive: true });
  };
  return { stdio: writer, read, close };
}

/** A socket, as systemd's journal is. */
async function openSocket(): Promise<Output> {
  const folder = await mkdtemp(join(tmpdir(), 'socket-'));
  const path = join(folder, 'log');
  const server = createServer({ pauseOnConnect: true }).listen(path);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const stdio = connect(path);
  const [reader] = await accepted;
  reader.setEncoding('latin1');
  const close = async () => {
    reader.destroy();
    stdio.destroy();
    server.close();
    await rm(folder, { recursive: true });
  };
  return {
    stdio,
    read: () => (reader.read(Math.min(8192, reader.readableLength || 1)) as string | null) ?? '',
    close,
  };
}

export const OUTPUTS = { 'a pipe': openFifo, 'a socket': openSocket };
