import type { Request, Response } from 'express';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';

/** An open stream of server-sent events. */
export interface EventStream {
  /** Sends one event. Does nothing once the client has left or the process drains. */
  send(event: string, data: unknown): void;
  /** Fires when the stream has ended, from either side. Stop its source then. */
  readonly ended: AbortSignal;
}

/** Proxies close connections that are silent for a minute (nginx's proxy_read_timeout). */
const HEARTBEAT_MS = 15_000;

/**
 * Responds with server-sent events. The stream ends when the client leaves, or cleanly when the process drains: the
 * browser then connects again by itself, to a process that stays.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function openEventStream(req: Request, res: Response, lifecycle: Lifecycle): EventStream {
  const ended = new AbortController();
  res.set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // nginx would collect events until its buffer is full.
    'X-Accel-Buffering': 'no',
  });
  const write = (text: string) => {
    // A client that does not read misses events: they must not fill the memory.
    if (ended.signal.aborted || res.writableNeedDrain) return;
    res.write(text);
    // The compression middleware holds bytes back until it has enough to compress well.
    if ('flush' in res) res.flush();
  };
  const heartbeat = setInterval(write, HEARTBEAT_MS, ':\n\n');
  const end = () => {
    clearInterval(heartbeat);
    ended.abort();
    res.end();
  };
  res.once('close', end);
  lifecycle.closing.addEventListener('abort', end, { signal: ended.signal });
  // A client that has left already does not leave again.
  if (lifecycle.closing.aborted || res.destroyed || req.method === 'HEAD') end();
  else write(':\n\n');
  return {
    ended: ended.signal,
    send: (event, data) => {
      write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
  };
}
