import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const CLIENT = fileURLToPath(new URL('load-client.mjs', import.meta.url));

/** A kind of request, and the response it must get. */
export interface LoadRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default 200. */
  readonly status?: number;
  /** What the body must have in it … */
  readonly contains?: string;
  /** … and what it must not. */
  readonly lacks?: string;
}

export interface LoadOptions {
  /** Where to connect: `https://127.0.0.1:8443`. */
  readonly url: string;
  /** The Host header and the name in TLS. */
  readonly host?: string;
  /** Whom to trust. */
  readonly ca?: string;
  /** Clients take turns at these. */
  readonly requests: readonly LoadRequest[];
  /** Clients at the same time. Default 8. */
  readonly lanes?: number;
  /** How many addresses of 127.0.0.0/8 they come from, in turn: limits count by address. Default 1; 0: the machine's own. */
  readonly addresses?: number;
  /** The number of requests after which it stops; unset: at `end()`. */
  readonly total?: number;
  /** Default true; false opens a connection for each request. */
  readonly keepAlive?: boolean;
  /** The longest pause of a client between two requests, in milliseconds. Default 0. */
  readonly pauseMs?: number;
  /** A command that runs the clients, for example in another network. */
  readonly runner?: readonly string[];
}

export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  /** No response, or one with another status than expected. */
  readonly failed: number;
  /** Answers with a body that must not be. */
  readonly wrong: number;
  /** GETs whose idle connection was closed just as they were sent, and that were sent again as every browser does. */
  readonly retried: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** The first ten of what failed. */
  readonly failures: readonly string[];
}

type Message = { readonly progress: LoadResult } | { readonly result: LoadResult };

/** Clients under way. */
export class Load {
  readonly #child: ChildProcess;
  #progress: LoadResult | undefined;
  #result: LoadResult | undefined;

  constructor({ runner = [], ...options }: LoadOptions) {
    const [execPath = process.execPath, ...rest] = runner;
    this.#child = fork(CLIENT, [JSON.stringify(options)], {
      execPath,
      execArgv: runner.length > 0 ? [...rest, process.execPath] : [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: Message) => {
      if ('result' in message) this.#result = message.result;
      else this.#progress = message.progress;
    });
  }

  /** Sends `options.total` requests. */
  static async run(options: LoadOptions & { total: number }, { seconds = 50 } = {}): Promise<LoadResult> {
    return new Load(options).end({ seconds });
  }

  get sent(): number {
    return this.#progress?.sent ?? 0;
  }

  get answered(): number {
    return this.#progress?.answered ?? 0;
  }

  /** Waits for this number of further responses. */
  async goOn(answers: number): Promise<void> {
    const goal = this.answered + answers;
    await until(`${answers} more answers`, () => this.answered >= goal).catch((error: unknown) => {
      throw new Error(`what failed: ${this.#progress?.failures.join('; ') ?? ''}`, { cause: error });
    });
  }

  /** Lets the requests under way end, and returns the outcome. */
  async stop(): Promise<LoadResult> {
    this.#child.send('stop');
    return this.end({ seconds: 35 });
  }

  /** Waits until every request was sent and has its response. */
  async end({ seconds = 50 } = {}): Promise<LoadResult> {
    const exit = once(this.#child, 'exit');
    try {
      await until('the load has ended', () => this.#result !== undefined || this.#child.exitCode !== null, {
        seconds,
      });
      if (!this.#result) throw new Error('the load client has ended without a result');
      return this.#result;
    } finally {
      this.kill();
      await exit;
    }
  }

  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
  }
}
