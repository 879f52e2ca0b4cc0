import { constants, fstatSync, openSync, read, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DestinationStream } from 'pino';
import { toPlain } from './plain.ts';

const readFd = promisify(read);
const writeFd = promisify(write);

/** How long a line may wait for others, in milliseconds. */
const BATCH_MS = 10;

/** The size of one write to a file, in bytes. */
const FILE_WRITE_BYTES = 65_536;

/** The same elsewhere: PIPE_BUF of Linux, what a pipe takes whole or not at all, however many processes write to it. */
const PIPE_WRITE_BYTES = 4096;

/** What may wait for a reader that is slow, or a disk that is full, in bytes; lines beyond that are lost. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Until the next try where the system takes nothing just now (a full pipe), in milliseconds. */
const BUSY_RETRY_MS = 10;

/** The same where the system refused: a full disk, most often. */
const REFUSED_RETRY_MS = 1000;

/** How long the end of the process may wait for a reader that takes nothing, all in all, in milliseconds. */
const LAST_WRITE_MS = 2000;

/** A write would have to wait. */
const BUSY = new Set(['EAGAIN', 'EBUSY']);

/** There is no reader any more: the other end of the pipe is gone, or the file is closed. */
const GONE = new Set(['EPIPE', 'EBADF']);

/**
 * Writes a log's lines to a file descriptor, those of some milliseconds at a time. A write of its own for each line, or
 * for each turn of the event loop, is a fifth of a small request's cost: a thread and a system call.
 *
 * Lines wait as bytes outside of V8's heap. As strings they would outlive the small garbage collections, each with
 * the dozens of pieces a line is put together from.
 *
 * To anything but a file, each write is of whole lines and of 4,096 bytes at most, so that the lines of several workers on
 * one pipe never mix. A longer line is shortened (`shortenLine`).
 *
 * Nothing is lost when the process exits or crashes. And nothing the output does ends the process, or delays it: a full
 * disk costs lines, not requests. pino's own destination crashes on it, and then waits for room, in a loop, forever.
 */
export class LogOutput implements DestinationStream {
  readonly #output: Output;
  readonly #batch: Buffer;
  #used = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What waits behind the piece that is being written. */
  readonly #queue: Buffer[] = [];
  #isWriting = false;
  #written = Promise.resolve();
  #waitingBytes = 0;
  #lostLines = 0;
  #isGone = false;
  /** What is left of LAST_WRITE_MS. A crash writes all at once, and the exit after it once more. */
  #lastWriteMs = LAST_WRITE_MS;

  constructor(fd: number) {
    this.#output = new Output(fd);
    this.#batch = Buffer.allocUnsafeSlow(this.#output.isFile ? FILE_WRITE_BYTES : PIPE_WRITE_BYTES);
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
    const { length: room } = this.#batch;
    const tooLong = !this.#output.isFile && Buffer.byteLength(line) > room;
    const text = (tooLong ? shortenLine(line, room) : undefined) ?? line;
    const bytes = Buffer.byteLength(text);
    if (this.#used + bytes > room) this.#endBatch();
    if (bytes > room) this.#enqueue(Buffer.from(text));
    else this.#used += this.#batch.write(text, this.#used);
    this.#timer ??= setTimeout(() => {
      this.#endBatch();
    }, BATCH_MS).unref();
  }

  /** Calls back when all lines so far are written, or lost. pino's `logger.flush`. */
  flush(callback: () => void = () => undefined): void {
    this.#endBatch();
    if (this.#isWriting) void this.#written.then(callback);
    else callback();
  }

  /** Writes what waits, and returns when it is written or can't be. What is being written already is left to the system. */
  flushSync(): void {
    this.#endBatch();
    const deadline = performance.now() + this.#lastWriteMs;
    const pieces = this.#queue.splice(0);
    for (const { length } of pieces) this.#waitingBytes -= length;
    pieces.every((piece) => this.#output.writeNow(piece, deadline));
    this.#lastWriteMs = Math.max(0, deadline - performance.now());
  }

  #endBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#used > 0) this.#enqueue(Buffer.from(this.#batch.subarray(0, this.#used)));
    this.#used = 0;
  }

  #enqueue(bytes: Buffer): void {
    this.#waitingBytes += bytes.length;
    this.#queue.push(bytes);
    if (!this.#isWriting) this.#written = this.#writeQueue();
  }

  async #writeQueue(): Promise<void> {
    this.#isWriting = true;
    for (;;) {
      // At the end of the process there is no later: `flushSync` takes what is in the queue, where a piece stays until the
      // system has it.
      await this.#output.prepare();
      const piece = this.#queue.shift();
      if (!piece) break;
      try {
        const written = await this.#output.write(piece);
        this.#waitingBytes -= written;
        this.#lastWriteMs = LAST_WRITE_MS;
        if (written < piece.length) this.#queue.unshift(piece.subarray(written));
        else if (this.#lostLines > 0) this.#reportLoss();
      } catch (error) {
        this.#queue.unshift(piece);
        await this.#failed((error as NodeJS.ErrnoException).code ?? '');
      }
    }
    this.#isWriting = false;
  }

  async #failed(code: string): Promise<void> {
    this.#isGone = GONE.has(code);
    if (this.#isGone) this.#queue.length = this.#waitingBytes = 0;
    else await sleep(BUSY.has(code) ? BUSY_RETRY_MS : REFUSED_RETRY_MS, undefined, { ref: false });
  }

  /** In the log itself, where the lines are missing. */
  #reportLoss(): void {
    const time = new Date().toISOString();
    const msg = 'log lines were lost: their file or reader took none';
    const line = { level: 'error', time, pid: process.pid, lines: this.#lostLines, msg };
    this.#lostLines = 0;
    this.#enqueue(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}

/**
 * A file descriptor whose writes never wait: a write to a full pipe would wait for its reader, and so would the end of the
 * process, even where the write is done by one of Node's threads.
 *
 * It opens a descriptor of its own where Linux can open the output again. A socket can't be opened (systemd's journal),
 * nor can the pipe of another user. Not to wait is then a state that all who have the descriptor share, and that any Node
 * process that starts or ends with it undoes. So it is checked before each write.
 */
export class Output {
  readonly isFile: boolean;
  readonly #fd: number;
  readonly #isShared: boolean;
  /** What Linux shows of a shared descriptor; undefined elsewhere. */
  readonly #state: number | undefined;

  constructor(fd: number) {
    this.isFile = isFile(fd);
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    const own = this.isFile ? fd : tryOpen(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    this.#fd = own ?? fd;
    this.#isShared = own === undefined;
    if (!this.#isShared) return;
    this.#state = tryOpen(`/proc/self/fdinfo/${fd}`, constants.O_RDONLY);
    stopWaiting(fd);
  }

  /** Sees to it that the next write does not wait. */
  async prepare(): Promise<void> {
    if (this.#state === undefined) return;
    const text = Buffer.alloc(64);
    await readFd(this.#state, text, 0, text.length, 0).catch(() => undefined);
    const flags = /flags:\s*(?<octal>[0-7]+)/.exec(text.toString('latin1'))?.groups?.octal;
    if (flags !== undefined && !(Number.parseInt(flags, 8) & constants.O_NONBLOCK)) stopWaiting(this.#fd);
  }

  /** Writes some of the bytes; `prepare` comes first. @returns how many. */
  async write(bytes: Uint8Array): Promise<number> {
    return (await writeFd(this.#fd, bytes)).bytesWritten;
  }

  /**
   * Writes all of the bytes at the end of the process.
   *
   * @param deadline - until when to wait for a reader that takes nothing, as `performance.now()` counts.
   * @returns whether all of them were written.
   */
  writeNow(bytes: Uint8Array, deadline: number): boolean {
    for (let done = 0; done < bytes.length;) {
      try {
        if (this.#isShared) stopWaiting(this.#fd);
        // eslint-disable-next-line n/no-sync -- for the end of the process
        done += writeSync(this.#fd, bytes, done);
      } catch (error) {
        const isBusy = BUSY.has((error as NodeJS.ErrnoException).code ?? '');
        if (!isBusy || performance.now() >= deadline) return false;
        // Sleeps.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_RETRY_MS);
      }
    }
    return true;
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

function tryOpen(path: string, flags: number): number | undefined {
  try {
    // eslint-disable-next-line n/no-sync -- at the start, and it does not wait
    return openSync(path, flags);
  } catch {
    return undefined;
  }
}

/** A Socket of Node's has its descriptor never wait. It is used for nothing else, and stays: its end would close that. */
function stopWaiting(fd: number): void {
  try {
    new Socket({ fd, readable: false, writable: true }).on('error', () => undefined).unref();
  } catch {
    // Closed, or something else than a pipe or a socket.
  }
}

/** The sizes for `toPlain` that are tried one after the other: a character may take six bytes in JSON. */
const SHORTER_SIZES = [2000, 700, 200];

/**
 * Makes a log line as short as it must be, by leaving out what is long or much. It stays one JSON object, with
 * `"shortened": true`.
 *
 * @param maxBytes - its length in bytes, at least 1,000.
 * @returns undefined for a line that is no JSON object.
 */
export function shortenLine(line: string, maxBytes: number): string | undefined {
  const record = parse(line);
  if (typeof record !== 'object' || record === null) return undefined;
  const { level, time, pid, reqId, msg, ...fields } = record as Record<string, unknown>;
  const head = toPlain({ level, time, pid, reqId }, 1000) as object;
  for (const size of SHORTER_SIZES) {
    const shorter = { ...(toPlain(fields, size) as object), shortened: true, msg: toPlain(msg, size) };
    const text = `${JSON.stringify({ ...head, ...shorter })}\n`;
    if (Buffer.byteLength(text) <= maxBytes) return text;
  }
  return '{"level":"error","shortened":true,"msg":"a log line was too long"}\n';
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
