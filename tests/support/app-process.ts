import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NO_SHEDDING } from './no-shedding.ts';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * The built application as a process of its own, with features for tests (tests/fixtures/whole-app), and nothing of the
 * test's environment but the PATH.
 */
export class AppProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown>;

  constructor(
    env: Record<string, string> = {},
    { entry = 'tests/fixtures/whole-app/server.js', nodeArgs = [] as string[], ipc = false } = {},
  ) {
    this.child = spawn(process.execPath, [...nodeArgs, entry], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
        LOG_FORMAT: 'json',
        LINGER_SECONDS: '0.2',
        ...NO_SHEDDING,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    });
    this.#closed = once(this.child, 'close');
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  /** The log so far, one object per line. */
  get log(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits for a line of the log. */
  async logged(message: string | RegExp): Promise<Record<string, unknown>> {
    const find = () =>
      this.log.find(({ msg }) => typeof msg === 'string' && (msg === message || msg.match(message)));
    await until(() => find() !== undefined || this.child.exitCode !== null).catch(() => undefined);
    const line = find();
    if (!line) throw new Error(`"${String(message)}" was not logged:\n${this.stdout}\n${this.stderr}`);
    return line;
  }

  /** Waits until it listens, and returns where. */
  async url(): Promise<string> {
    const { port } = await this.logged(/^listening/);
    return `http://127.0.0.1:${String(port)}`;
  }

  async exit(): Promise<Exit> {
    const { child } = this;
    // Not its exit, behind which a part of its output may be unread.
    await this.#closed;
    return { code: child.exitCode, signal: child.signalCode };
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it if it still runs. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exit();
  }
}
