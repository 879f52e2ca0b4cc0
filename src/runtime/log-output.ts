import { write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** How long a line may wait for others, in milliseconds. */
const BATCH_MS = 10;

/** Beyond so many bytes they are written at once. */
const BATCH_BYTES = 65_536;

/** UTF-8 has no more than so many bytes for one unit of a string. */
const MOST_BYTES_A_UNIT = 3;

/** What may wait for a reader that is slow, or a disk that is full, in bytes; lines beyond that are lost. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

/** Until the next try where the system takes nothing just now (a full pipe), in milliseconds. */
const BUSY_RETRY_MS = 20;

/** The same where it refused: a full disk, most often. */
const REFUSED_RETRY_MS = 1000;

/** How long the end of the process may wait for a reader that takes nothing, in milliseconds. */
const LAST_WRITE_MS = 2000;

const BUSY = new Set(['EAGAIN', 'EBUSY']);

/** Nobody will ever read it: the other end of the pipe is gone, or the file is closed. */
const GONE = new Set(['EPIPE', 'EBADF']);

/**
 * Writes a log's lines to a file descriptor, some milliseconds' at a time. A write of its own for each line, or for each
 * turn of the event loop, is a fifth of a small request's cost: a thread and a system call.
 *
 * Lines wait as bytes outside of V8's heap. As strings they would outlive the small garbage collections, each with
 * the dozens of pieces a line is put together from (docs/performance.md).
 *
 * Nothing is lost when the process exits or crashes. And nothing the output does ends the process, or holds it up: a full
 * disk costs lines, not requests. pino's own destination crashes on it, and then waits for room, in a loop, for ever; that
 * is why this is not it.
 */
export class LogOutput implements DestinationStream {
  readonly #fd: number;
  readonly #batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #used = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What waits behind the piece that is being written. */
  #queue: Buffer[] = [];
  #writing: Buffer | undefined;
  #retry: NodeJS.Timeout | undefined;
  #waitingBytes = 0;
  #lostLines = 0;
  #isGone = false;
  #onFlushed: (() => void)[] = [];

  constructor(fd: number) {
    this.#fd = fd;
    process.on('exit', () => {
      // eslint-disable-next-line n/no-sync -- there is no event loop any more
      this.flushSync();
    });
  }

  write(line: string): void {
    if (this.#isGone) return;
    if (this.#waitingBytes > MOST_WAITING_BYTES) {
      this.#lostLines++;
      return;
    }
    const most = line.length * MOST_BYTES_A_UNIT;
    if (this.#used + most > BATCH_BYTES) this.#handOver();
    if (most > BATCH_BYTES) this.#enqueue(Buffer.from(line));
    else this.#used += this.#batch.write(line, this.#used);
    this.#timer ??= setTimeout(() => {
      this.#handOver();
    }, BATCH_MS).unref();
  }

  /** Calls back when all lines so far are written, or lost. pino's `logger.flush`. */
  flush(callback: () => void = () => undefined): void {
    this.#handOver();
    if (this.#writing || this.#queue.length > 0) this.#onFlushed.push(callback);
    else callback();
  }

  /** Writes what waits, and comes back when it is written or can't be. What is being written already is left to the system. */
  flushSync(): void {
    this.#handOver({ start: false });
    const deadline = performance.now() + LAST_WRITE_MS;
    this.#queue.every((piece) => writeNow(this.#fd, piece, deadline));
    this.#queue.length = 0;
    this.#waitingBytes = this.#writing?.length ?? 0;
  }

  #handOver({ start = true } = {}): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#used > 0) this.#enqueue(Buffer.from(this.#batch.subarray(0, this.#used)), { start });
    this.#used = 0;
  }

  #enqueue(bytes: Buffer, { start = true } = {}): void {
    this.#waitingBytes += bytes.length;
    this.#queue.push(bytes);
    if (start && !this.#writing && !this.#retry) this.#writeNext();
  }

  #writeNext(): void {
    this.#writing = this.#queue.shift();
    if (this.#writing) this.#write(this.#writing);
    else for (const callback of this.#onFlushed.splice(0)) callback();
  }

  #write(piece: Buffer): void {
    write(this.#fd, piece, (error, written) => {
      if (error) this.#failed(piece, error.code ?? '');
      else this.#wrote(piece, written);
    });
  }

  #wrote(piece: Buffer, written: number): void {
    this.#waitingBytes -= written;
    if (written < piece.length) {
      this.#writing = piece.subarray(written);
      this.#write(this.#writing);
      return;
    }
    if (this.#lostLines > 0) this.#tellLoss();
    this.#writeNext();
  }

  #failed(piece: Buffer, code: string): void {
    this.#writing = undefined;
    if (GONE.has(code)) {
      this.#isGone = true;
      this.#queue.length = this.#waitingBytes = 0;
      this.#writeNext();
      return;
    }
    this.#queue.unshift(piece);
    const again = () => {
      this.#retry = undefined;
      this.#writeNext();
    };
    this.#retry = setTimeout(again, BUSY.has(code) ? BUSY_RETRY_MS : REFUSED_RETRY_MS).unref();
  }

  /** In the log itself, where the lines are missing. */
  #tellLoss(): void {
    const line = {
      level: 'error',
      time: new Date().toISOString(),
      pid: process.pid,
      lines: this.#lostLines,
      msg: 'log lines were lost: their file or reader took none',
    };
    this.#lostLines = 0;
    this.#enqueue(Buffer.from(`${JSON.stringify(line)}\n`), { start: false });
  }
}

/** @returns whether it was written: not where the system refuses it, or a reader takes nothing until the deadline. */
function writeNow(fd: number, piece: Buffer, deadline: number): boolean {
  for (let done = 0; done < piece.length;) {
    try {
      // eslint-disable-next-line n/no-sync -- for the end of the process
      done += writeSync(fd, piece, done);
    } catch (error) {
      const busy = BUSY.has((error as NodeJS.ErrnoException).code ?? '');
      if (!busy || performance.now() > deadline) return false;
      sleepNow(BUSY_RETRY_MS);
    }
  }
  return true;
}

function sleepNow(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
