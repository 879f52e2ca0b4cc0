import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * What a Service is on a node: each new connection goes to one of the pods that are its endpoints at that moment. Open
 * connections stay where they are when a pod is taken out.
 */
export class ClusterService {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #endpoints: readonly number[] = [];
  #turn = 0;

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = this.#connect();
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(socket);
        socket.setNoDelay(true);
        socket.on('close', () => this.#open.delete(socket));
        // As a packet filter does it: a reset goes through to the other end.
        socket.on('error', () => other.resetAndDestroy());
      }
      near.pipe(far).pipe(near);
    });
  }

  static async start(): Promise<ClusterService> {
    const service = new ClusterService();
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(port: number): void {
    this.#endpoints = [...this.#endpoints, port];
  }

  remove(port: number): void {
    this.#endpoints = this.#endpoints.filter((endpoint) => endpoint !== port);
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }

  #connect(): Socket {
    const port = this.#endpoints[this.#turn++ % this.#endpoints.length];
    if (port === undefined) throw new Error('the Service has no endpoint');
    return connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  }
}
