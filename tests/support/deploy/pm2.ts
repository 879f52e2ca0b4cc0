import { execFile, type ExecFileException } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEST_SECRET } from '../config.ts';
import { until } from './until.ts';
import { NO_SHEDDING } from '../no-shedding.ts';

/** The version the deploy files are tested with. Not a dependency of the project: its licence is the AGPL. */
export const PM2 = 'pm2@7.0.4';

/** What production needs, with nothing outside the process. */
export const PRODUCTION = {
  STORE: 'memory',
  ...NO_SHEDDING,
  SESSION_SECRETS: TEST_SECRET,
  HOST: '127.0.0.1',
  ADMIN_PORT: '0',
};

/** One instance as `pm2 jlist` reports it. */
export interface Instance {
  readonly pid: number;
  readonly name: string;
  readonly pm_id: number;
  readonly pm2_env: { readonly status: string; readonly restart_time: number };
}

interface RunOptions {
  readonly cwd?: string;
  /** Beside its own. */
  readonly env?: Record<string, string>;
  /** When it is ended. Default 120. */
  readonly seconds?: number;
}

/** A PM2 with a home, and so a daemon, of its own. */
export class Pm2 {
  readonly env: Record<string, string>;
  readonly #bin: string;
  readonly #home: string;

  private constructor(bin: string, home: string, env: Record<string, string>) {
    this.#bin = bin;
    this.#home = home;
    // An empty value would hide the one in .env.
    this.env = withoutEmpty({
      PATH: process.env.PATH ?? '',
      HOME: home,
      PM2_HOME: home,
      PM2_DISABLE_VERSION_CHECK: 'true',
      ...PRODUCTION,
      ...env,
    });
  }

  /** @param bin - where PM2's commands are. */
  static async create(bin: string, env: Record<string, string>): Promise<Pm2> {
    return new Pm2(bin, await mkdtemp(join(tmpdir(), 'pm2-')), env);
  }

  /** The path of a command, `pm2` or `pm2-runtime`. */
  command(name: string): string {
    return join(this.#bin, name);
  }

  /** Runs `pm2 …` and gives what it printed. Throws with that when it fails. */
  async run(
    args: readonly string[],
    { cwd = '.', env = {}, seconds = 120 }: RunOptions = {},
  ): Promise<string> {
    const options = { cwd, env: { ...this.env, ...env }, timeout: seconds * 1000, maxBuffer: 1 << 24 };
    return new Promise((resolve, reject) => {
      execFile(this.command('pm2'), args, options, (error: ExecFileException | null, out, err) => {
        if (error) reject(new Error(`pm2 ${args.join(' ')}: ${error.message}\n${out}\n${err}`));
        else resolve(out);
      });
    });
  }

  /** The instances of an app. */
  async list(name = 'app'): Promise<Instance[]> {
    const out = await this.run(['jlist']);
    const all = JSON.parse(out.slice(out.indexOf('['))) as Instance[];
    return all.filter((instance) => instance.name === name);
  }

  async pids(): Promise<number[]> {
    return (await this.list()).map(({ pid }) => pid).sort((one, other) => one - other);
  }

  /** What the daemon and the apps have logged. */
  async logs(name: string): Promise<string> {
    return readFile(join(this.#home, name), 'utf8').catch(() => '');
  }

  /** Ends the daemon and all it runs, and removes its home. */
  async kill(): Promise<void> {
    await this.run(['kill']).catch(() => undefined);
    const pid = Number(await this.logs('pm2.pid'));
    if (pid > 0)
      await until('the PM2 daemon is gone', () => !isRunning(pid)).catch(() => process.kill(pid, 'SIGKILL'));
    await rm(this.#home, { recursive: true, force: true });
  }
}

function withoutEmpty(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
