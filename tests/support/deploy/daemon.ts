import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './until.ts';

export interface DaemonOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Resolves true once it serves; asked again and again. */
  readonly ready: () => Promise<boolean>;
  /** What makes it stop. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

/**
 * A program that runs in the foreground as the leader of its own process group, so that whatever it forks can be found
 * and ended by the group's number, and by nothing else.
 */
export class Daemon {
  readonly child: ChildProcess;
  readonly #options: DaemonOptions;
  output = '';

  private constructor(child: ChildProcess, options: DaemonOptions) {
    this.child = child;
    this.#options = options;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
  }

  /** @throws {Error} with what it said, when it ends or is not ready within 15 s. */
  static async start(binary: string, args: readonly string[], options: DaemonOptions): Promise<Daemon> {
    const child = spawn(binary, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C', ...options.env },
      cwd: options.cwd,
    });
    const daemon = new Daemon(child, options);
    child.on('error', (error) => (daemon.output += error.message));
    try {
      await until(`${binary} is ready`, async () => {
        if (!daemon.isRunning) throw new Error(`${binary} has ended`);
        return options.ready();
      });
    } catch (error) {
      await daemon.stop();
      throw new Error(`${(error as Error).message}: ${daemon.output}`, { cause: error });
    }
    return daemon;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('it could not be started');
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The processes it forked, zombies not counted: they are dead and only wait for their parent to read why. */
  children(): number[] {
    return processes()
      .filter(({ parent, state }) => parent === this.pid && state !== 'Z')
      .map(({ pid }) => pid);
  }

  /** Asks it to stop, waits for 10 s at most, and then ends its whole group. */
  async stop(): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined) return;
    if (this.isRunning) {
      const exit = once(this.child, 'exit');
      this.child.kill(this.#options.stopSignal ?? 'SIGTERM');
      await Promise.race([exit, sleep(10_000, undefined, { ref: false })]);
    }
    const left = () => processes().some(({ group, state }) => group === pid && state !== 'Z');
    if (!left()) return;
    process.kill(-pid, 'SIGKILL');
    await until('its processes are gone', () => !left());
  }
}

interface ProcessEntry {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
}

/** All processes of the machine. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function processes(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        // The name, in parentheses, may have spaces and parentheses itself.
        const [state = '', parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return [{ pid: Number(name), state, parent: Number(parent), group: Number(group) }];
      } catch {
        return [];
      }
    });
}
