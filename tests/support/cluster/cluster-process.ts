import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { sendCommand } from '../../../src/platform/supervisor/ctl.ts';
import type { ControlResponse } from '../../../src/platform/supervisor/control.ts';
import type { Status } from '../../../src/platform/supervisor/status.ts';
import { until } from '../deploy/until.ts';
import { productionEnv } from '../production-env.ts';
import { isRunning, signal } from './processes.ts';
import type { Releases } from './releases.ts';
import { NO_SHEDDING } from '../no-shedding.ts';

type LogLine = Record<string, unknown> & { msg?: string };

export interface ClusterOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What to run instead of node, with node's arguments behind it. */
  readonly wrapper?: readonly string[];
  /** Default: the release's cluster.js. */
  readonly entry?: string;
}

/** How long any step may take on a busy machine, in seconds. */
const TIMEOUT_SECONDS = 45;

/** The built app as `npm start` runs it, in a process group of its own. Two workers unless `env` says otherwise. */
export class ClusterProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly adminPort: number;
  readonly controlSocket: string;
  readonly pidFile: string;
  output = '';
  readonly #seen = new Set<number>();

  private constructor(child: ChildProcess, env: Awaited<ReturnType<typeof productionEnv>>) {
    this.child = child;
    this.port = Number(env.PORT);
    this.adminPort = Number(env.ADMIN_PORT);
    this.controlSocket = env.CONTROL_SOCKET;
    this.pidFile = env.PID_FILE;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
  }

  /** Starts it and does not wait. */
  static async launch(releases: Releases, options: ClusterOptions = {}): Promise<ClusterProcess> {
    const { wrapper = [], entry = join(releases.current, 'dist/cluster.js') } = options;
    const env = await productionEnv(releases.root, {
      LINGER_SECONDS: '0.3',
      ...NO_SHEDDING,
      ...options.env,
    });
    const [command, ...args] = [...wrapper, process.execPath, entry];
    const child = spawn(command, args, {
      cwd: releases.current,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    });
    return new ClusterProcess(child, env);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The log so far, one object per line. */
  get log(): LogLine[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine);
  }

  lines(message: string, fields: Record<string, unknown> = {}): LogLine[] {
    return this.log.filter(
      (line) => line.msg === message && Object.entries(fields).every(([key, value]) => line[key] === value),
    );
  }

  /** Waits until `times` such lines were logged; returns the last of them. */
  async logged(
    message: string,
    { fields = {}, times = 1 }: { fields?: Record<string, unknown>; times?: number } = {},
  ): Promise<LogLine> {
    const what = `${times} × "${message}" ${JSON.stringify(fields)} in the log`;
    await this.until(what, () => this.lines(message, fields).length >= times || this.#exited);
    const line = this.lines(message, fields)[times - 1];
    if (!line) throw new Error(`it ended without ${what}:\n${this.output}`);
    return line;
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await until(what, condition, { seconds: TIMEOUT_SECONDS }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${this.output}`);
    });
  }

  async control(command: string, ...args: string[]): Promise<ControlResponse> {
    return sendCommand(this.controlSocket, { command, args });
  }

  async status(): Promise<Status> {
    const answer = await this.control('status');
    if (!answer.ok) throw new Error(answer.error);
    const status = answer.result as Status;
    for (const { pid } of status.workers) if (pid !== undefined) this.#seen.add(pid);
    return status;
  }

  async untilStatus(what: string, condition: (status: Status) => boolean): Promise<Status> {
    let last: Status | undefined;
    await this.until(what, async () => condition((last = await this.status())));
    return last ?? this.status();
  }

  /** For clusters that log too little to wait for a line. */
  async untilServing(): Promise<void> {
    await this.until('it serves', async () => {
      const status = await this.status().catch(() => undefined);
      return status?.state === 'serving';
    });
  }

  /** The pids of the workers that are ready, by slot. */
  async workers(): Promise<number[]> {
    const { workers } = await this.status();
    return workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid ?? 0);
  }

  signal(name: NodeJS.Signals): void {
    signal(this.pid, name);
  }

  /** To the primary and all its workers, as a terminal does it. */
  signalGroup(name: NodeJS.Signals): void {
    signal(-this.pid, name);
  }

  async json(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(this.url + path, { headers: { connection: 'close' } });
    return (await response.json()) as Record<string, unknown>;
  }

  /**
   * Sends a request that takes `ms` milliseconds, and waits until a worker has begun it. The status shows it too, but a
   * second late: then the request may be done.
   */
  async askSlowly(ms: number): Promise<{ answer: Promise<Record<string, unknown>> }> {
    const answer = this.json(`/test/slow?ms=${ms}`);
    answer.catch(() => undefined);
    await this.logged('in flight');
    return { answer };
  }

  async exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (!this.#exited) await once(this.child, 'exit');
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  /** Kills all that is left of it. */
  async stop(): Promise<void> {
    signal(-this.pid, 'SIGCONT');
    signal(-this.pid, 'SIGKILL');
    await this.exit();
    for (const pid of this.#seen) if (isRunning(pid)) signal(pid, 'SIGKILL');
  }

  get #exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
