import { AppProcess } from '../app-process.ts';
import { TEST_SECRET } from '../config.ts';
import { freePort } from '../redis-server.ts';
import { ask } from './ask.ts';
import { until } from './until.ts';
import { NO_SHEDDING } from '../no-shedding.ts';

/** The password of ada and grace in the features for tests. */
export const PASSWORD = 'correct horse battery staple';

/** A primary and its workers. */
export const CLUSTER = 'tests/fixtures/whole-app/cluster.js';

/** One host of the app, with features for tests, as it runs behind a proxy in production: on a port of its own that it keeps when it is started again. */
export class AppHost {
  readonly port: number;
  readonly #env: Record<string, string>;
  readonly #entry: string;
  #process: AppProcess | undefined;

  private constructor(port: number, env: Record<string, string>, entry: string) {
    this.port = port;
    this.#env = env;
    this.#entry = entry;
  }

  /**
   * @param env - beside what production needs; without REDIS_URL it keeps sessions in memory.
   * @param entry - one process, CLUSTER, or an entry of a copy.
   */
  static async start(
    env: Record<string, string> = {},
    entry = 'tests/fixtures/whole-app/server.js',
  ): Promise<AppHost> {
    const settings = {
      NODE_ENV: 'production',
      ...(env.REDIS_URL === undefined && { STORE: 'memory' }),
      SESSION_SECRETS: TEST_SECRET,
      TRUST_PROXY: 'loopback',
      COMPRESSION: 'off',
      LINGER_SECONDS: '1',
      ...NO_SHEDDING,
      ...env,
    };
    const host = new AppHost(await freePort(), settings, entry);
    await host.restart();
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The requests it has logged. */
  get requests(): Record<string, unknown>[] {
    return this.#process?.log.filter(({ msg }) => msg === 'request') ?? [];
  }

  /** Starts it and waits until it is ready. */
  async restart(): Promise<void> {
    const app = new AppProcess({ ...this.#env, PORT: String(this.port) }, { entry: this.#entry });
    this.#process = app;
    await app.url();
    await until(`the app on port ${this.port} is ready`, async () => {
      return (await ask({ url: `${this.url}/readyz` })).status === 200;
    });
  }

  /** Rolls the workers of a cluster over, and waits until that is done. */
  async reload(): Promise<void> {
    const count = () => this.#process?.log.filter(({ msg }) => msg === 'reloaded').length ?? 0;
    const before = count();
    this.#process?.kill('SIGHUP');
    await until('the cluster has reloaded', () => count() > before, { seconds: 30 });
  }

  /** Asks it to drain. */
  drain(): void {
    this.#process?.kill('SIGTERM');
  }

  /** Lets it drain and waits until it has ended. */
  async leave(): Promise<void> {
    this.drain();
    await this.#process?.exit();
  }

  /** SIGKILL: what is in flight is lost. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
