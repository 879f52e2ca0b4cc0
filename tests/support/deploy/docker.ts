import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { repositoryPath, type WorkFolder } from './render.ts';
import { describeUnless, labVariables } from './tools.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/**
 * A script that runs an engine for the time of the tests: DOCKER_LAB, by default tests/lab/docker.sh. Where it is not set
 * up, or DOCKER_LAB is empty, the tests use the machine's own engine.
 *
 * Such an engine has two modes, because it may not change this machine's network: `build`, where image builds use the
 * network of the machine and containers have none, and `net`, where it has a network namespace of its own, with the
 * published ports in it.
 */
const LAB = process.env.DOCKER_LAB ?? repositoryPath('tests/lab/docker.sh');
const labEnv = LAB ? labVariables(LAB) : undefined;
const script = labEnv && LAB;
/** What a docker command needs. */
export const dockerEnv: NodeJS.ProcessEnv = { ...process.env, ...labEnv };

const HOW_TO =
  'As root on Debian 12 run: tests/lab/docker.sh setup. Elsewhere install Docker 25 or newer with Compose v2: ' +
  'https://docs.docker.com/engine/install/';

/** `describe` for suites that need a Docker engine and Compose. */
export function describeWithDocker(name: string, suite: () => void): void {
  const succeeds = (...args: string[]) =>
    spawnSync('docker', args, { env: dockerEnv, stdio: 'ignore' }).status === 0;
  // The script's engine does not run yet.
  const there = succeeds('compose', 'version') && (script !== undefined || succeeds('version'));
  describeUnless(there ? undefined : HOW_TO, name, suite);
}

/** Runs a docker command; returns its stdout. */
export async function docker(
  args: readonly string[],
  { cwd = tmpdir(), seconds = 60 } = {},
): Promise<string> {
  const options = { cwd, env: dockerEnv, timeout: seconds * 1000, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run('docker', args, options);
  return stdout.trim();
}

/** The command line of a docker command, for those that need its output as a stream. */
export function spawnDocker(args: readonly string[]) {
  return spawn('docker', args, { env: dockerEnv, stdio: ['ignore', 'pipe', 'inherit'] });
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
  const namespace = `--net=/run/netns/${dockerEnv.LAB_NETNS ?? ''}`;
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
