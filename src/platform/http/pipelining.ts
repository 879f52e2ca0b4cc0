import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../observability/logger.ts';

/**
 * So many requests of one connection may wait behind the one that is being answered. No browser or proxy sends even
 * two ahead; 64 KB, which Node reads at once, are well over a thousand.
 */
const MAX_WAITING = 100;

type Handle = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Lets requests that were sent ahead wait for their turn. Node would begin with all of them at once, and when their
 * connection closes, forget them without a word: no 'close', so what they opened would stay open forever.
 *
 * Between two of one connection the other connections have a turn: a few that send hundreds ahead would otherwise keep
 * the event loop to themselves until the last of them has its response.
 *
 * @returns a function for requests whose response has no socket yet, and what handles them.
 */
export function pipelining(logger: Logger) {
  const queues = new WeakMap<Socket, Set<ServerResponse>>();
  return (req: IncomingMessage, res: ServerResponse, handle: Handle): void => {
    const { socket } = req;
    const queue = queues.get(socket) ?? newQueue(socket);
    queues.set(socket, queue);
    if (!socket.destroyed && queue.size < MAX_WAITING) {
      queue.add(res);
      res.once('socket', () => {
        queue.delete(res);
        setImmediate(() => {
          // The client may have left meanwhile; Node has closed the response then.
          if (!res.destroyed) handle(req, res);
        });
      });
      return;
    }
    if (!socket.destroyed) {
      const ip = socket.remoteAddress;
      logger.warn({ ip, waiting: queue.size }, 'connection cut: too many requests at a time');
      socket.destroy();
    }
    close(res);
  };
}

function newQueue(socket: Socket): Set<ServerResponse> {
  const queue = new Set<ServerResponse>();
  socket.once('close', () => {
    for (const res of queue) close(res);
  });
  return queue;
}

/** For those who count what is in flight. */
function close(res: ServerResponse): void {
  res.destroy();
  res.emit('close');
}
