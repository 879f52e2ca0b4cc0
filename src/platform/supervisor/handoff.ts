import type { Worker } from 'node:cluster';
import type { Serializable } from 'node:child_process';

/** What Node's cluster module says to itself. A listener of a worker has a key; messages that want an answer a seq. */
interface ClusterMessage {
  readonly cmd?: string;
  readonly act?: string;
  readonly key?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly errno?: number | null;
}

/** A connection on its way to a worker. */
interface Handoff {
  readonly key: string;
  readonly connection: { close(): void };
}

/**
 * Saves the connections that the primary was handing to a worker when it died.
 *
 * Node's round robin sends a connection to a worker and keeps it until the worker has said that it took it. When the
 * worker dies in between, or is stopped and then killed, Node forgets the connection without closing it: its client
 * waits forever. Nothing was read from it, so another worker can have it: we say "not accepted" in the dead worker's
 * place, and Node hands it on.
 *
 * This reads undocumented messages. Should they change, nothing is found here and nothing is done.
 *
 * @see https://github.com/nodejs/node/blob/v20.x/lib/internal/cluster/round_robin_handle.js
 */
export class Handoffs {
  /** Which workers listen, by listener. */
  readonly #members = new Map<string, Set<Worker>>();

  watch(worker: Worker): void {
    const { process: child } = worker;
    const pending = new Map<number, Handoff>();
    const send = child.send.bind(child) as (...args: unknown[]) => boolean;

    child.send = (...args: unknown[]) => {
      const [message, connection] = args as [ClusterMessage | undefined, Handoff['connection'] | undefined];
      if (message?.cmd === 'NODE_CLUSTER' && message.key !== undefined) {
        this.#noteSent(worker, message, message.key, connection, pending);
      }
      return send(...args);
    };

    child.on('internalMessage' as 'message', (received: Serializable) => {
      const message = received as ClusterMessage;
      if (message.ack !== undefined) pending.delete(message.ack);
      if (message.act === 'close' && message.key !== undefined)
        this.#members.get(message.key)?.delete(worker);
    });

    // When the channel is closed, all the worker has said was read: what is not acknowledged by now never was.
    let disconnected = false;
    child.once('disconnect', () => {
      disconnected = true;
      for (const members of this.#members.values()) members.delete(worker);
      for (const [seq, handoff] of pending) this.#giveBack(worker, seq, handoff);
      pending.clear();
    });
    // While a connection is on its way Node puts the event off until the worker has it, which a dead one never will.
    child.once('close', () => {
      setImmediate(() => {
        if (!disconnected) child.emit('disconnect');
      });
    });
  }

  #noteSent(
    worker: Worker,
    message: ClusterMessage,
    key: string,
    connection: Handoff['connection'] | undefined,
    pending: Map<number, Handoff>,
  ): void {
    if (message.act === 'newconn' && connection && message.seq !== undefined) {
      pending.set(message.seq, { key, connection });
    } else if (message.ack !== undefined && !message.errno) {
      // The answer to a worker that wants to listen.
      const members = this.#members.get(key) ?? new Set();
      this.#members.set(key, members.add(worker));
    }
  }

  #giveBack(worker: Worker, seq: number, { key, connection }: Handoff): void {
    // With nobody left Node has closed the listener, and would keep the connection without an owner.
    if (!this.#members.get(key)?.size) connection.close();
    else
      worker.process.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: false }, undefined);
  }
}
