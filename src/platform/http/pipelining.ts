import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../observability/logger.ts';

/**
 * The number of requests of one connection that may wait behind the one in progress. No browser or proxy sends even
 * two ahead; 64 KB, which Node reads at once, are well over a thousand.
 */
const MAX_WAITING = 100;

type Handle = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Lets requests that were sent ahead wait for their turn. Node would begin with all of them at once and, when their
 * connection closes, emit no 'close' for them, so what they opened would stay open forever.
 *
 * Other connections have a turn between two of one connection: else a few that send hundreds ahead would occupy the
 * event loop until the last of them has its response.
 *
 * @returns a function for requests whose response has no socket yet, and what handles them.
 */
export function pipelining(logger: Logger) {
  const queues = new WeakMap<Socket, Set<ServerResponse>>();
  return (req: IncomingMessage, res: ServerResponse, handle: Handle): void => {
    const { socket } = req;
    const queue = queues.get(socket) ?? newQueue(socket);
    queues.set(socket, queue);
    if (socket.destroyed) {
      close(res);
    } else if (queue.size >= MAX_WAITING) {
      logger.warn(
        { ip: socket.remoteAddress, waiting: queue.size },
        'connection cut: too many requests at a time',
      );
      socket.destroy();
      close(res);
    } else {
      queue.add(res);
      res.once('socket', () => {
        queue.delete(res);
        setImmediate(() => {
          // Node has closed the response when the client has left meanwhile.
          if (!res.destroyed) handle(req, res);
        });
      });
    }
  };
}

function newQueue(socket: Socket): Set<ServerResponse> {
  const queue = new Set<ServerResponse>();
  socket.once('close', () => {
    queue.forEach(close);
  });
  return queue;
}

/** Node emits no 'close' for a response that never had a socket; what counts requests in flight waits for it. */
function close(res: ServerResponse): void {
  res.destroy();
  res.emit('close');
}
