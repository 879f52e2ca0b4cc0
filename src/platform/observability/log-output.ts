import type { DestinationStream } from 'pino';
import { BUSY, BUSY_RETRY_MS, openOutput, type Output } from './output.ts';
import { shortenLine } from './shorten-line.ts';

/** How long a line may wait for others, in milliseconds. */
const BATCH_MS = 10;

/** Beyond so many bytes they are written at once, to a file. */
const FILE_WRITE_BYTES = 65_536;

/** The same elsewhere: PIPE_BUF of Linux, what a pipe takes whole or not at all, however many processes write to it. */
const PIPE_WRITE_BYTES = 4096;

/** UTF-8 has no more than so many bytes for one unit of a string. */
const MAX_BYTES_PER_UNIT = 3;

/** What may wait for a reader that is slow, or a disk that is full, in bytes; lines beyond that are lost. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Until the next try where the system refused: a full disk, most often, in milliseconds. */
const REFUSED_RETRY_MS = 1000;

/** How long the end of the process may wait for a reader that takes nothing, all in all, in milliseconds. */
const LAST_WRITE_MS = 2000;

/** Nobody will ever read it: the other end of the pipe is gone, or the file is closed. */
const GONE = new Set(['EPIPE', 'EBADF']);

/**
 * Writes a log's lines to a file descriptor, some milliseconds' at a time. A write of its own for each line, or for each
 * turn of the event loop, is a fifth of a small request's cost: a thread and a system call.
 *
 * Lines wait as bytes outside of V8's heap. As strings they would outlive the small garbage collections, each with
 * the dozens of pieces a line is put together from (docs/performance.md).
 *
 * To anything but a file, each write is of whole lines and of 4,096 bytes at most, so that the lines of several workers on
 * one pipe never mix. A longer line is shortened (`shortenLine`).
 *
 * Nothing is lost when the process exits or crashes. And nothing the output does ends the process, or holds it up: a full
 * disk costs lines, not requests. pino's own destination crashes on it, and then waits for room, in a loop, forever; that
 * is why this is not it.
 */
export class LogOutput implements DestinationStream {
  readonly #output: Output;
  readonly #writeBytes: number;
  readonly #batch: Buffer;
  #used = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What waits behind the piece that is being written. */
  #queue: Buffer[] = [];
  #writing: Buffer | undefined;
  #retry: NodeJS.Timeout | undefined;
  #waitingBytes = 0;
  #lostLines = 0;
  #isGone = false;
  /** What is left of LAST_WRITE_MS. A crash writes all at once, and the exit after it once more. */
  #patienceMs = LAST_WRITE_MS;
  #onFlushed: (() => void)[] = [];

  constructor(fd: number) {
    this.#output = openOutput(fd);
    this.#writeBytes = this.#output.isFile ? FILE_WRITE_BYTES : PIPE_WRITE_BYTES;
    this.#batch = Buffer.allocUnsafeSlow(this.#writeBytes);
    process.on('exit', () => {
      // eslint-disable-next-line n/no-sync -- there is no event loop any more
      this.flushSync();
    });
  }

  write(line: string): void {
    if (this.#isGone) return;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#lostLines++;
      return;
    }
    if (!this.#add(line)) this.#enqueueLong(line);
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
    const begun = performance.now();
    for (const piece of this.#queue.splice(0)) {
      const left = Math.max(0, this.#patienceMs - (performance.now() - begun));
      if (!this.#output.writeNow(piece, left)) break;
    }
    this.#patienceMs = Math.max(0, this.#patienceMs - (performance.now() - begun));
    this.#waitingBytes = this.#writing?.length ?? 0;
  }

  /** @returns whether the line has room in one write, alone if need be. */
  #add(line: string): boolean {
    const most = line.length * MAX_BYTES_PER_UNIT;
    const bytes = this.#used + most > this.#writeBytes ? Buffer.byteLength(line) : most;
    if (bytes > this.#writeBytes) return false;
    if (this.#used + bytes > this.#writeBytes) this.#handOver();
    this.#used += this.#batch.write(line, this.#used);
    return true;
  }

  /** A file takes it as it is. Elsewhere it is shortened; what is no JSON goes out in pieces. */
  #enqueueLong(line: string): void {
    const shorter = this.#writeBytes === PIPE_WRITE_BYTES ? shortenLine(line, PIPE_WRITE_BYTES) : undefined;
    if (shorter !== undefined && this.#add(shorter)) return;
    this.#handOver();
    const bytes = Buffer.from(line);
    const step = this.#writeBytes === PIPE_WRITE_BYTES ? PIPE_WRITE_BYTES : bytes.length;
    for (let at = 0; at < bytes.length; at += step) this.#enqueue(bytes.subarray(at, at + step));
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
    this.#output.write(piece, (error, written) => {
      if (error) this.#failed(piece, error.code ?? '');
      else this.#wrote(piece, written);
    });
  }

  #wrote(piece: Buffer, written: number): void {
    this.#waitingBytes -= written;
    this.#patienceMs = LAST_WRITE_MS;
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
