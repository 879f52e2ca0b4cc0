import type { ServerResponse } from 'node:http';

const MAX_STREAMS = 20;

/** What a client may leave unread before its stream is cut, in bytes: the first events may have 200 kB. */
const MAX_UNREAD = 512 * 1024;

/** Until a browser connects again, in milliseconds. */
const RETRY_MS = 2000;

/** The open event streams: all get the same events, and one that does not read them is cut. */
export class Streams {
  readonly #open = new Set<ServerResponse>();
  #hasEnded = false;

  /** Whether there is no place for another one. */
  get isFull(): boolean {
    return this.#hasEnded || this.#open.size >= MAX_STREAMS;
  }

  get isWatched(): boolean {
    return this.#open.size > 0;
  }

  /** @param events - what it gets first. */
  add(res: ServerResponse, events: Readonly<Record<string, unknown>>): void {
    this.#open.add(res);
    // The connection's: a response that waits for one before it on the same connection gets no close of its own.
    res.req.socket.once('close', () => this.#open.delete(res));
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    res.write(`retry: ${RETRY_MS}\n\n`);
    for (const [event, data] of Object.entries(events)) res.write(textOf(event, data));
  }

  send(event: string, data: unknown): void {
    const text = textOf(event, data);
    for (const res of this.#open) {
      if (res.writableLength > MAX_UNREAD) res.req.socket.destroy();
      else res.write(text);
    }
  }

  /** The browsers connect again, to whatever listens then. */
  end(): void {
    this.#hasEnded = true;
    for (const res of this.#open) res.end();
  }
}

function textOf(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
