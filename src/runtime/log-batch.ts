import type { DestinationStream } from 'pino';

/** What `pino.destination` makes. */
export interface LogDestination extends DestinationStream {
  flush(callback?: (error?: Error) => void): void;
  flushSync(): void;
}

/** How long a line may wait for others, in milliseconds. */
const BATCH_MS = 10;

/** Beyond so many characters they are written at once. */
const MAX_BATCH = 65_536;

/**
 * Makes a destination take lines some milliseconds' at a time. A write of its own for each line, or for each turn of
 * the event loop, is a fifth of a small request's cost: a thread, a system call, and sonic-boom measures all that it
 * holds at each line.
 *
 * Nothing is lost when the process exits or crashes: pino flushes its destinations then, and at once after a fatal line.
 *
 * @returns the same destination.
 */
export function batchLines<Destination extends LogDestination>(destination: Destination): Destination {
  const write = destination.write.bind(destination);
  const flush = destination.flush.bind(destination);
  // eslint-disable-next-line n/no-sync -- pino's, for the end of the process
  const flushSync = destination.flushSync.bind(destination);
  let lines = '';
  let timer: NodeJS.Timeout | undefined;
  const handOver = () => {
    clearTimeout(timer);
    timer = undefined;
    if (lines !== '') write(lines);
    lines = '';
  };
  return Object.assign(destination, {
    write: (line: string) => {
      lines += line;
      if (lines.length > MAX_BATCH) handOver();
      else timer ??= setTimeout(handOver, BATCH_MS).unref();
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
