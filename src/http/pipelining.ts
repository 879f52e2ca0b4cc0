import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../runtime/logger.ts';

/**
 * So many requests of one connection may wait behind the one that is being answered. No browser or proxy sends even
 * two ahead. Node begins with all that came in one read, well over a thousand of them in 64 KB, at once.
 */
const MAX_WAITING = 100;

/**
 * Looks after requests that were sent before the one ahead of them was answered. When their connection closes, Node
 * forgets their responses without a word: no 'close', so their handlers, streams and log lines would wait for ever.
 *
 * @returns a function that says whether a request is to be handled.
 */
export function pipelining(logger: Logger): (req: IncomingMessage, res: ServerResponse) => boolean {
  const queues = new WeakMap<Socket, Set<ServerResponse>>();
  return (req, res) => {
    // Node gives a response the socket when its turn has come: with nearly all requests, that is at once.
    if (res.socket !== null) return true;
    const { socket } = req;
    const queue = queues.get(socket) ?? newQueue(socket);
    queues.set(socket, queue);
    if (!socket.destroyed && queue.size < MAX_WAITING) {
      queue.add(res);
      res.once('close', () => queue.delete(res));
      return true;
    }
    if (!socket.destroyed) {
      logger.warn(
        { ip: socket.remoteAddress, waiting: queue.size },
        'connection cut: too many requests at a time',
      );
      socket.destroy();
    }
    close(res);
    return false;
  };
}

function newQueue(socket: Socket): Set<ServerResponse> {
  const queue = new Set<ServerResponse>();
  socket.once('close', () => {
    // Whose turn had come is closed by Node.
    for (const res of queue) if (res.socket === null) close(res);
  });
  return queue;
}

function close(res: ServerResponse): void {
  res.destroy();
  res.emit('close');
}
