import { Cluster, type Redis } from 'ioredis';

/**
 * Sends the commands of one turn of the event loop in one piece. Under load a turn answers many requests, and a system
 * call for each one's command is a tenth of what a request with a session costs. A single command waits for the turn's
 * other callbacks, no longer.
 *
 * @returns the same client.
 */
export function batchWrites(client: Redis | Cluster): Redis | Cluster {
  if (client instanceof Cluster) client.on('+node', batchWritesOfNode);
  else batchWritesOfNode(client);
  return client;
}

function batchWritesOfNode(node: Redis): void {
  node.on('connect', () => {
    const { stream } = node;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    let waiting = false;
    const send = () => {
      waiting = false;
      stream.uncork();
    };
    stream.write = (...args: unknown[]) => {
      if (!waiting) {
        waiting = true;
        stream.cork();
        setImmediate(send);
      }
      return write(...args);
    };
  });
}
