import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, test } from '@jest/globals';
import type { WorkFolder } from './render.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const HOW_TO = 'Install Docker 25 or newer with Compose v2: https://docs.docker.com/engine/install/';

/**
 * The engine that tests use: the machine's own; or, with DOCKER_LAB, one that this script starts for the time of the tests.
 *
 * Such an engine has two modes, because it may not change this machine's network: `build`, where image builds use the
 * network of the machine and containers have none, and `net`, where it has a network namespace of its own. Published ports
 * are in there, too.
 */
const script = process.env.DOCKER_LAB;
const scriptEnv = script ? readExports(join(process.env.LAB ?? join(tmpdir(), 'docker-lab'), 'env')) : {};
const env = { ...process.env, ...scriptEnv };

/** `describe` for suites that need a Docker engine and Compose. */
export function describeWithDocker(name: string, suite: () => void): void {
  const answers = (...args: string[]) => spawnSync('docker', args, { env, stdio: 'ignore' }).status === 0;
  const there = script
    ? existsSync(env.DOCKER_CONFIG ?? '')
    : answers('version') && answers('compose', 'version');
  if (there) {
    describe(name, suite);
  } else if (process.env.CI === 'true') {
    test(`${name} has what it needs`, () => {
      throw new Error(HOW_TO);
    });
  } else {
    process.stderr.write(`skipped: ${name}: not tested. ${HOW_TO}\n`);
    describe.skip(name, suite);
  }
}

/** Runs a docker command; what it says on stdout. */
export async function docker(
  args: readonly string[],
  { cwd = tmpdir(), seconds = 60 } = {},
): Promise<string> {
  const options = { cwd, env, timeout: seconds * 1000, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run('docker', args, options);
  return stdout.trim();
}

/** The command line of a docker command, for those that need its output as a stream. */
export function spawnDocker(args: readonly string[]) {
  return spawn('docker', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Builds an image in the network that the engine has for it. */
export async function buildImage(folder: WorkFolder, target: string, tag: string): Promise<void> {
  if (script) await run(script, ['build'], { timeout: 60_000 });
  const network = script ? ['--network=host'] : [];
  await docker(['build', '--quiet', ...network, '--target', target, '--tag', tag, folder.path], {
    seconds: 600,
  });
}

/** Has the engine run containers from now on. */
export async function useContainers(): Promise<void> {
  if (script) await run(script, ['net'], { timeout: 60_000 });
}

/** A way to a port that a container has published. */
export interface Door {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

const FORWARD = `
const [path, port] = process.argv.slice(1);
require('node:net').createServer({ allowHalfOpen: true }, (near) => {
  const far = require('node:net').connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
  near.pipe(far).pipe(near);
}).listen(path);`;

/** Where the port is in another network namespace: in through a socket file, which both namespaces see. */
export async function openDoor(port: number, folder: WorkFolder): Promise<Door> {
  if (!script) return { port, close: () => Promise.resolve() };
  const path = folder.join(`${port}.sock`);
  const namespace = `--net=/run/netns/${env.LABNS ?? ''}`;
  const inside = spawn('nsenter', [namespace, process.execPath, '-e', FORWARD, path, String(port)], {
    stdio: 'ignore',
  });
  await until('the way to the port is open', () => existsSync(path));
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path, allowHalfOpen: true });
    open.add(near);
    near.on('error', () => far.destroy()).on('close', () => open.delete(near));
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      inside.kill('SIGKILL');
      await once(inside, 'exit');
    },
  };
}

/** Reads `export NAME=value NAME=value`; a value may end in the variable PATH. */
function readExports(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  const words = readFileSync(file, 'utf8').trim().split(/\s+/).slice(1);
  return Object.fromEntries(
    words.map((word) => {
      const [name = '', value = ''] = word.split('=');
      return [name, value.replace('$PATH', process.env.PATH ?? '')];
    }),
  );
}
