import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../deploy/until.ts';

const CLIENT = fileURLToPath(new URL('load-client.mjs', import.meta.url));

/** One kind of client. */
export interface Clients {
  /** How many of them. Default 1. */
  readonly count?: number;
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  /** Default true; false opens a connection for each request. */
  readonly keepAlive?: boolean;
  /** The maximum wait between two requests, in milliseconds. Default 0. */
  readonly thinkMs?: number;
}

/** The outcome of the requests. */
export interface LoadResult {
  readonly ok: number;
  /** Another status than 200, or a wrong body. */
  readonly failed: number;
  /** Refused, reset, or cut in the response. */
  readonly reset: number;
  /** No response in time. */
  readonly hung: number;
  /** The first ten of what was lost. */
  readonly first: readonly string[];
}

/** Keep-alive GET and POST, a connection for each request, and people who think: what comes in by day. */
const MIXED_CLIENTS: readonly Clients[] = [
  { count: 6, path: '/livez' },
  { count: 4, method: 'POST', path: '/test/echo' },
  { count: 4, path: '/livez', keepAlive: false },
  { count: 2, method: 'POST', path: '/test/echo', keepAlive: false },
  { count: 8, path: '/livez', thinkMs: 400 },
  { count: 4, method: 'POST', path: '/test/echo', thinkMs: 400 },
];

/** Clients under way. */
export class Load {
  readonly #child: ChildProcess;
  #result: LoadResult = { ok: 0, failed: 0, reset: 0, hung: 0, first: [] };
  #ended = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ result, ended }: { result: LoadResult; ended: boolean }) => {
      this.#result = result;
      this.#ended = ended;
    });
  }

  /** @param hungMs - a request without a response for this long counts as hung. */
  static async start(port: number, clients = MIXED_CLIENTS, { hungMs = 20_000 } = {}): Promise<Load> {
    const child = fork(CLIENT, [JSON.stringify({ port, clients, hungMs })], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const load = new Load(child);
    await load.answers(50);
    return load;
  }

  get result(): LoadResult {
    return this.#result;
  }

  /** Waits for `count` more responses. */
  async answers(count: number): Promise<void> {
    const goal = this.#result.ok + count;
    await until(`${count} more answers`, () => this.#result.ok >= goal, { seconds: 60 });
  }

  /** Lets requests in flight end, and returns the outcome of all. */
  async end(): Promise<LoadResult> {
    this.#child.send('stop');
    await until('the clients have ended', () => this.#ended, { seconds: 60 });
    return this.#result;
  }

  /** For the end of a test, whatever happened in it. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
