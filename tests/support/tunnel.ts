import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a port on this host that can go silent, or be cut. */
export interface Tunnel {
  readonly url: string;
  /** Connections that are open now say nothing any more, like one that a firewall forgot; new ones work. */
  forget(): void;
  /** Closes all connections, and new ones at once, until `open`. */
  cut(): void;
  open(): void;
  stop(): Promise<void>;
}

export async function startTunnel(port: number): Promise<Tunnel> {
  let isSilent = false;
  let isCut = false;
  const sockets = new Set<Socket>();
  const closeAll = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((near) => {
    near.on('error', () => undefined);
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    const isNew = isSilent;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined).on('close', () => to.destroy());
      from.on('data', (bytes) => {
        if (isNew || !isSilent) to.write(bytes);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forget: () => {
      isSilent = true;
    },
    cut: () => {
      isCut = true;
      closeAll();
    },
    open: () => {
      isCut = false;
    },
    stop: async () => {
      closeAll();
      server.close();
      await once(server, 'close');
    },
  };
}
