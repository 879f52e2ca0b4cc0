import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built application as a process of its own, with nothing of the test's environment but the PATH. */
export class AppProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(
    env: Record<string, string> = {},
    { entry = 'dist/server.js', nodeArgs = [] as string[], ipc = false } = {},
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
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  /** The log so far, one object a line. */
  get log(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits for a line of the log, 15 s at most. */
  async logged(message: string | RegExp): Promise<Record<string, unknown>> {
    for (let attempt = 0; attempt < 600; attempt++) {
      const line = this.log.find(
        ({ msg }) => typeof msg === 'string' && (msg === message || msg.match(message)),
      );
      if (line) return line;
      if (this.child.exitCode !== null) break;
      await sleep(25);
    }
    throw new Error(`"${String(message)}" was not logged:\n${this.stdout}\n${this.stderr}`);
  }

  /** Waits until it listens, and tells where. */
  async url(): Promise<string> {
    const { port } = await this.logged(/^listening/);
    return `http://127.0.0.1:${String(port)}`;
  }

  async exit(): Promise<Exit> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
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
