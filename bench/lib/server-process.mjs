import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endsWithThis } from './leftovers.mjs';

/** How long a server may take until it answers, in milliseconds. */
const START_MS = 20_000;

/** After how long without a new line it is sure that none is on its way, in milliseconds. */
const LOG_QUIET_MS = 250;

/** A server in a process of its own. What it writes goes to a file, as under systemd. */
export class ServerProcess {
  #child;
  #logFile;
  #lines = { text: undefined, expected: 0 };

  /**
   * Starts it and waits for its first answer.
   *
   * @param options.args - Node's arguments: the entry, after any flags.
   * @param options.ready - the path that must answer 200; unset: it accepts connections, which leaves no line in its log.
   * @param options.directory - where its log goes.
   */
  static async start({ command = nodeBinary(), args, env = {}, cwd, ready, directory, name, port }) {
    const server = new ServerProcess();
    server.name = name;
    server.port = port ?? (await freePort());
    server.#logFile = join(directory, `${name}.log`);
    const log = await open(server.#logFile, 'w');
    server.startedAt = performance.now();
    const child = spawn(command, args, {
      cwd,
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        PORT: String(server.port),
        ...env,
      },
      stdio: ['ignore', log.fd, log.fd],
    });
    server.#child = endsWithThis(child);
    await log.close();
    await server.#answers(ready);
    server.startMs = performance.now() - server.startedAt;
    return server;
  }

  get pid() {
    return this.#child.pid;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** User and system time so far, children included, in microseconds. */
  async cpuMicros() {
    const pids = await this.pids();
    const times = await Promise.all(pids.map(cpuMicrosOf));
    return times.reduce((sum, micros) => sum + micros, 0);
  }

  /** Resident memory of the process, in MiB. */
  async rssMib() {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
  }

  async openFiles() {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** The process and its children: a cluster's workers, nginx's. */
  async pids() {
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').catch(() => '');
    return [this.pid, ...children.trim().split(' ').filter(Boolean).map(Number)];
  }

  /** Notes that so many lines with this in them must be in the log in the end. */
  expectLines(text, count) {
    if (text === undefined) return;
    this.#lines.text = text;
    this.#lines.expected += count;
  }

  /** Waits until its log has not grown for a while: pino's default destination is asynchronous, and loses lines at a SIGTERM. */
  async logRests() {
    let { size } = await stat(this.#logFile);
    for (let before = -1; size > before; { size } = await stat(this.#logFile)) {
      before = size;
      await sleep(LOG_QUIET_MS);
    }
  }

  /** Counts the lines, once it has stopped. @throws when a request's line is missing: it would not have been paid for. */
  async countLines() {
    const { text, expected } = this.#lines;
    if (text === undefined) return 0;
    let count = 0;
    const file = await open(this.#logFile);
    for await (const line of file.readLines()) if (line.includes(text)) count++;
    if (count !== expected)
      throw new Error(`${this.name}: ${expected} requests, but ${count} lines in the log`);
    return count;
  }

  async stop() {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await once(child, 'exit');
      clearTimeout(killer);
    }
  }

  async removeLog() {
    await rm(this.#logFile, { force: true });
  }

  async #answers(path) {
    const until = performance.now() + START_MS;
    while (performance.now() < until && this.#child.exitCode === null) {
      if (await (path ? answersOk(this.url + path) : accepts(this.port))) return;
      await sleep(5);
    }
    await this.stop();
    throw new Error(`${this.name} did not answer:\n${await readFile(this.#logFile, 'utf8')}`);
  }
}

/** The Node the servers run on: NODE_BINARY, or the one this was started with. */
export function nodeBinary() {
  const { NODE_BINARY } = process.env;
  // A path counts from here, whatever folder a server is started in.
  if (NODE_BINARY?.includes('/')) return resolve(NODE_BINARY);
  return NODE_BINARY || process.execPath;
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answersOk(url) {
  const response = await fetch(url).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.ok === true;
}

export async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  const connected = await new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return connected;
}

/** The time each thread was on a CPU, as the scheduler counts it: in nanoseconds, where /proc's other times are in ticks of 10 ms. */
export async function cpuMicrosOf(pid) {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const times = threads.map(async (thread) => {
    const schedstat = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
    return Number(schedstat.split(' ', 1)[0]) / 1000;
  });
  return (await Promise.all(times)).reduce((sum, micros) => sum + micros, 0);
}
