import type { DestinationStream } from 'pino';

/** What `pino.destination` makes. */
export interface LogDestination extends DestinationStream {
  flush(callback?: (error?: Error) => void): void;
  flushSync(): void;
}

/**
 * The options of a destination for batches. sonic-boom does not join them (`maxWrite`): where it does, a synchronous flush
 * behind a write that the system did not take (EAGAIN) counts bytes by the length of the wrong piece, and cuts some off.
 */
export const BATCHED = { sync: false, contentMode: 'buffer', maxWrite: 1 } as const;

/** How long a line may wait for others, in milliseconds. */
const BATCH_MS = 10;

/** Beyond so many bytes they are written at once. */
const BATCH_BYTES = 65_536;

/** UTF-8 has no more than so many bytes for one unit of a string. */
const MOST_BYTES_A_UNIT = 3;

/**
 * Makes a destination take lines some milliseconds' at a time. A write of its own for each line, or for each turn of
 * the event loop, is a fifth of a small request's cost: a thread, a system call, and sonic-boom measures all that it
 * holds at each line.
 *
 * Lines wait as bytes outside of V8's heap. As strings they would outlive the small garbage collections, each with
 * the dozens of pieces a line is put together from (docs/performance.md).
 *
 * Nothing is lost when the process exits or crashes: pino flushes its destinations then, and at once after a fatal line.
 *
 * @param destination - one made with the options `BATCHED`.
 * @returns the same destination.
 */
export function batchLines<Destination extends LogDestination>(destination: Destination): Destination {
  // Its types know lines only.
  const write = destination.write.bind(destination) as unknown as (bytes: Buffer) => void;
  const flush = destination.flush.bind(destination);
  // eslint-disable-next-line n/no-sync -- pino's, for the end of the process
  const flushSync = destination.flushSync.bind(destination);
  const batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  let used = 0;
  let timer: NodeJS.Timeout | undefined;
  const handOver = () => {
    clearTimeout(timer);
    timer = undefined;
    if (used === 0) return;
    const bytes = Buffer.from(batch.subarray(0, used));
    used = 0;
    write(bytes);
  };
  const add = (line: string) => {
    const most = line.length * MOST_BYTES_A_UNIT;
    if (used + most > BATCH_BYTES) handOver();
    if (most > BATCH_BYTES) write(Buffer.from(line));
    else used += batch.write(line, used);
  };
  return Object.assign(destination, {
    write: (line: string) => {
      add(line);
      timer ??= setTimeout(handOver, BATCH_MS).unref();
    },
    flush: (callback?: (error?: Error) => void) => {
      handOver();
      flush(callback);
    },
    flushSync: () => {
      handOver();
      // eslint-disable-next-line n/no-sync -- as above
      flushSync();
    },
  });
}
