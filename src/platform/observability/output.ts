import { constants, fstatSync, openSync, read, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Until the next try where the system takes nothing just now (a full pipe), in milliseconds. */
export const BUSY_RETRY_MS = 10;

/** What a write is told where it would have to wait. */
export const BUSY: ReadonlySet<string> = new Set(['EAGAIN', 'EBUSY']);

type OnWritten = (error: NodeJS.ErrnoException | null, written: number) => void;

/** An output whose writes never wait for its reader. */
export interface Output {
  readonly isFile: boolean;
  /** Writes some of the bytes, as `fs.write` does. */
  write(bytes: Uint8Array, done: OnWritten): void;
  /**
   * Writes all of the bytes at the end of the process.
   *
   * @param patienceMs - how long to wait for a reader that takes nothing, in milliseconds.
   * @returns whether all of them were written.
   */
  writeNow(bytes: Uint8Array, patienceMs: number): boolean;
}

/**
 * Takes a descriptor so that writes to it never wait: a write to a full pipe would wait for its reader, and so would the
 * end of the process, even where the write is done by one of Node's threads.
 *
 * It takes a descriptor of its own where Linux can open the output again. A socket can't be opened (systemd's journal),
 * nor can the pipe of another user: see `openShared`. A file is used as it is.
 */
export function openOutput(fd: number): Output {
  if (isFile(fd)) return outputOn(fd, true);
  try {
    // eslint-disable-next-line n/no-sync -- at the start, and it does not wait
    const own = openSync(
      `/proc/self/fd/${fd}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
    return outputOn(own, false);
  } catch {
    return openShared(fd);
  }
}

function isFile(fd: number): boolean {
  try {
    // eslint-disable-next-line n/no-sync -- at the start
    return fstatSync(fd).isFile();
  } catch {
    // It is closed.
    return false;
  }
}

function outputOn(fd: number, isFile: boolean): Output {
  return {
    isFile,
    write: (bytes, done) => {
      write(fd, bytes, done);
    },
    writeNow: (bytes, patienceMs) => writeNow(fd, bytes, { patienceMs }),
  };
}

/**
 * Not to wait is a state that all who have the descriptor share, and any process of Node's that starts or ends with it
 * undoes it. So it is looked at before each write.
 */
function openShared(fd: number): Output {
  const output = outputOn(fd, false);
  const state = openState(fd);
  stopWaiting(fd);
  return {
    ...output,
    write: (bytes, done) => {
      readWaits(state, (waits) => {
        if (waits) stopWaiting(fd);
        output.write(bytes, done);
      });
    },
    writeNow: (bytes, patienceMs) => writeNow(fd, bytes, { patienceMs, before: stopWaiting }),
  };
}

/** A Socket of Node's has its descriptor never wait. It is used for nothing else, and stays: its end would close that. */
function stopWaiting(fd: number): void {
  try {
    new Socket({ fd, readable: false, writable: true }).on('error', () => undefined).unref();
  } catch {
    // Closed, or something else than a pipe or a socket.
  }
}

/** What Linux tells of a descriptor; undefined elsewhere. */
function openState(fd: number): number | undefined {
  try {
    // eslint-disable-next-line n/no-sync -- at the start
    return openSync(`/proc/self/fdinfo/${fd}`, 'r');
  } catch {
    return undefined;
  }
}

function readWaits(state: number | undefined, done: (waits: boolean) => void): void {
  if (state === undefined) {
    done(false);
    return;
  }
  const text = Buffer.alloc(64);
  read(state, text, 0, text.length, 0, () => {
    const flags = /flags:\s*(?<octal>[0-7]+)/.exec(text.toString('latin1'))?.groups?.octal;
    done(flags !== undefined && (Number.parseInt(flags, 8) & constants.O_NONBLOCK) === 0);
  });
}

/** @param options.before - called before each try. */
function writeNow(
  fd: number,
  bytes: Uint8Array,
  { patienceMs, before }: { patienceMs: number; before?: (fd: number) => void },
): boolean {
  const deadline = performance.now() + patienceMs;
  for (let done = 0; done < bytes.length;) {
    try {
      before?.(fd);
      // eslint-disable-next-line n/no-sync -- for the end of the process
      done += writeSync(fd, bytes, done);
    } catch (error) {
      const isBusy = BUSY.has((error as NodeJS.ErrnoException).code ?? '');
      if (!isBusy || performance.now() >= deadline) return false;
      sleepNow(BUSY_RETRY_MS);
    }
  }
  return true;
}

function sleepNow(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
