import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { repositoryPath } from './render.ts';
import { until } from './until.ts';

/** What became of the requests. All but `ok` are failures. */
export interface VisitorCounts {
  readonly requests: number;
  readonly ok: number;
  /** Answered, but not with 200. */
  readonly status: number;
  readonly refused: number;
  readonly reset: number;
  readonly hung: number;
  /** The start of the body of the last response. */
  readonly answer: string;
  readonly errors: Record<string, number>;
}

/** The file, for those that have to copy it to another machine first. */
export const VISITORS = repositoryPath('tests/support/deploy/visitors.mjs');

const NONE: VisitorCounts = {
  requests: 0,
  ok: 0,
  status: 0,
  refused: 0,
  reset: 0,
  hung: 0,
  answer: '',
  errors: {},
};

/** Keep-alive and single-connection clients on one URL, in a process of their own. */
export class Visitors {
  readonly #child: ChildProcess;
  #last = NONE;
  #rest = '';
  #stderr = '';

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop() ?? '';
      const line = lines.at(-1);
      if (line) this.#last = JSON.parse(line) as VisitorCounts;
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
  }

  /**
   * Starts and waits until some requests have their responses.
   *
   * @param command - runs the file, where that takes more than `node`.
   */
  static async on(url: string, command: readonly string[] = [process.execPath, VISITORS]): Promise<Visitors> {
    const visitors = new Visitors([...command, url]);
    await visitors.more(50);
    return visitors;
  }

  get counts(): VisitorCounts {
    return this.#last;
  }

  /** Waits for this number of further responses. */
  async more(count: number): Promise<void> {
    const goal = this.#last.ok + count;
    await this.#until(`${count} more answers`, () => this.#last.ok >= goal);
  }

  /** Waits until the last response contains this text, which names its release. */
  async answers(text: string): Promise<void> {
    await this.#until(`the answer is "${text}"`, () => this.#last.answer.includes(text));
  }

  /** Lets the clients finish their requests, and returns the outcome of all. */
  async stop(): Promise<VisitorCounts> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'close');
      this.#child.stdin?.end();
      await exit;
    }
    return this.#last;
  }

  /** Ends it at once, for a test that failed. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    try {
      await until(what, condition, { seconds: 30 });
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(this.#last)} ${this.#stderr}`, {
        cause: error,
      });
    }
  }
}

/** The outcome it must have: every request got a response, with 200. */
export function allAnswered(counts: VisitorCounts): Partial<VisitorCounts> {
  return { ok: counts.requests, status: 0, refused: 0, reset: 0, hung: 0, errors: {} };
}
