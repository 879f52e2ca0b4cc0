import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
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
 * @returns what handles each request in its turn, and a function that finds the response in progress on a connection.
 */
export function pipelining(logger: Logger, handle: Handle) {
  const connections = new WeakMap<Duplex, { inProgress?: ServerResponse | undefined; waiting: number }>();
  const inTurn: Handle = (req, res) => {
    const { socket } = req;
    const before = connections.get(socket);
    const connection = before ?? { waiting: 0 };
    if (!before) connections.set(socket, connection);
    const begin = () => {
      connection.inProgress = res;
      // Once: where a listener stays, V8 keeps its request until a full collection, a third of what a session costs.
      res.once('close', () => {
        // An idle connection must not keep its last response in memory.
        if (connection.inProgress === res) connection.inProgress = undefined;
      });
    };
    // A response has its socket unless another one is in progress on the connection.
    if (res.socket) {
      begin();
      handle(req, res);
      return;
    }
    if (connection.waiting++ === MAX_WAITING) cut(socket, logger);
    // For a response that never had a socket Node 20 emits no 'close', and Node 24 does. What counts requests in flight
    // waits for it, and takes the first.
    const close = () => res.destroy().emit('close');
    req.once('close', close);
    res.once('socket', () => {
      connection.waiting--;
      req.off('close', close);
      begin();
      setImmediate(() => {
        // Node closes the response when the client has left meanwhile.
        if (!socket.destroyed) handle(req, res);
      });
    });
  };
  return { inTurn, responseOn: (socket: Duplex) => connections.get(socket)?.inProgress };
}

function cut(socket: Socket, logger: Logger): void {
  const fields = { ip: socket.remoteAddress, waiting: MAX_WAITING };
  logger.warn(fields, 'connection cut: too many requests at a time');
  socket.destroy();
}
