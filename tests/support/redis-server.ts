import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

/** The server a test may start: redis-server or valkey-server, whichever is on the PATH. */
export const redisBinary = ['redis-server', 'valkey-server'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

/** A redis-server of the test's own: it can be killed, stopped and started again on the same port. */
export class RedisServer {
  readonly port: number;
  readonly #directory: string;
  readonly #options: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, directory: string, options: readonly string[]) {
    this.port = port;
    this.#directory = directory;
    this.#options = options;
  }

  /** @param options - further redis-server arguments, for example `--requirepass`, `x`. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = RedisServer.notStarted(
      await freePort(),
      await mkdtemp(join(tmpdir(), 'redis-test-')),
      options,
    );
    await server.restart();
    return server;
  }

  static notStarted(port: number, directory: string, options: readonly string[] = []): RedisServer {
    return new RedisServer(port, directory, options);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it where it is not running, with the data of an earlier run; resolves when it responds. */
  async restart(): Promise<void> {
    if (!redisBinary) throw new Error('no redis-server on the PATH');
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#directory, '--save', ''];
    this.#process = spawn(redisBinary, [...args, ...this.#options], { stdio: 'ignore' });
    await until(() => pings(this.port));
  }

  /** SIGKILL: connections are reset, data that was not saved is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGSTOP: connections stay open and nothing responds. */
  hang(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** SIGCONT: goes on after a hang. */
  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}

/** Whether something accepts connections on the port and responds to a PING. */
async function pings(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', () => {
      settle(true);
    });
    socket.once('error', () => {
      settle(false);
    });
  });
}

/**
 * A port that nobody uses. From below those that the system gives to clients (net.ipv4.ip_local_port_range begins at
 * 32768): one of these may be a connection's own by the time a server
 * listens on it. A Redis Cluster also takes the port 10,000 above.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 22_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
