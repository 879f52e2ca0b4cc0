import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { outcomeOf } from '../outcome.ts';
import { buildImage, docker, dockerEnv } from './docker.ts';
import { IMAGES, projectCopy } from './docker-project.ts';
import { Load, type LoadRequest } from './load.ts';
import { repositoryPath, type WorkFolder } from './render.ts';
import { describeUnless, labVariables } from './tools.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** The script that runs three hosts with an engine each: SWARM_LAB, by default tests/lab/swarm.sh. */
const PROGRAM = process.env.SWARM_LAB ?? repositoryPath('tests/lab/swarm.sh');
const LAB = labVariables(PROGRAM) ?? {};
const DOMAIN = 'example.com';
const REGISTRY = LAB.REGISTRY ?? '';

type HostName = 'n1' | 'n2' | 'n3';

/** `describe` for suites that need these hosts. */
export function describeWithSwarm(name: string, suite: () => void): void {
  const missing = LAB.REGISTRY ? undefined : 'As root on Debian 12 run: tests/lab/swarm.sh setup';
  describeUnless(missing, name, suite);
}

/** Three managers, a registry with the images of the app, and a checkout to deploy from. */
export class Swarm {
  /** The stack's name, as deploy.sh has it. */
  readonly name: string;
  readonly folder: WorkFolder;

  private constructor(folder: WorkFolder) {
    this.folder = folder;
    this.name = /^name=(.*)$/m.exec(readFileSync(folder.join('deploy/swarm/deploy.sh'), 'utf8'))?.[1] ?? '';
  }

  static async up(): Promise<Swarm> {
    const swarm = new Swarm(await projectCopy());
    const { folder } = swarm;
    // All clients have one address here, and a busy machine must not fail the load.
    folder.change('deploy/nginx/app/rate-limit.conf', ['rate=50r/s', 'rate=10000r/s']);
    folder.change('deploy/swarm/app.env', ['PORT=3000', 'PORT=3000\nMAX_LOOP_DELAY_MS=0']);
    // The image's own times would make a broken one take a minute.
    folder.change('deploy/swarm/stack.yml', [
      'interval: 10s, timeout: 5s, retries: 3 }',
      'interval: 3s, timeout: 5s, retries: 3, start_period: 15s }',
    ]);
    folder.change('deploy/swarm/deploy.sh', [`registry.example.com/${swarm.name}`, swarm.image]);
    await run(PROGRAM, ['up'], { timeout: 120_000, env: { ...process.env, LAB_LIFETIME: '1800' } });
    await swarm.#images();
    await swarm.docker('n1', ['swarm', 'init', '--advertise-addr', LAB.n1 ?? '']);
    const token = await swarm.docker('n1', ['swarm', 'join-token', '--quiet', 'manager']);
    for (const host of ['n2', 'n3'] as const)
      await swarm.docker(host, ['swarm', 'join', '--token', token, LAB.n1 ?? '']);
    await swarm.docker('n2', ['node', 'update', '--label-add', 'redis=true', 'n2']);
    return swarm;
  }

  get image(): string {
    return `${REGISTRY}/${this.name}`;
  }

  async #images(): Promise<void> {
    await buildImage(this.folder, 'app', `${this.image}:1.0.0`);
    await buildImage(this.folder, 'nginx', `${this.image}-nginx:1.0.0`);
    await docker(['tag', `${this.image}:1.0.0`, IMAGES.app]);
    const own = [`${this.image}:1.0.0`, `${this.image}-nginx:1.0.0`];
    await this.#load(...own, 'redis:7-bookworm');
    for (const tag of own) await this.#upload(tag);
  }

  /** Gives images of this machine's engine to n2. */
  async #load(...tags: string[]): Promise<void> {
    const file = this.folder.join('images.tar');
    await docker(['save', '--output', file, ...tags], { seconds: 120 });
    await this.docker('n2', ['load', '--quiet', '--input', file], 120);
  }

  async #upload(tag: string): Promise<void> {
    await this.docker('n2', ['push', '--quiet', tag], 120);
  }

  /** Another version of the app's image, with these lines at the end of its Dockerfile. */
  async push(version: string, ...lines: string[]): Promise<void> {
    const tag = `${this.image}:${version}`;
    await writeFile(this.folder.join('Dockerfile.swarm'), [`FROM ${IMAGES.app}`, ...lines, ''].join('\n'));
    await docker([
      'build',
      '--quiet',
      '--tag',
      tag,
      '--file',
      this.folder.join('Dockerfile.swarm'),
      this.folder.path,
    ]);
    await this.#load(tag);
    await this.#upload(tag);
  }

  /** A docker command on a host. */
  async docker(host: HostName, args: readonly string[], seconds = 60): Promise<string> {
    const options = { env: this.#env(host), timeout: seconds * 1000, maxBuffer: 1 << 26 };
    return (await run('docker', args, options)).stdout.trim();
  }

  /** A script of deploy/swarm, run on n2; `output` has both streams. */
  async script(name: string, ...args: string[]): Promise<{ code: number; output: string }> {
    const options = { env: this.#env('n2'), timeout: 700_000 };
    const path = this.folder.join('deploy/swarm', name);
    const { code, stdout, stderr } = await outcomeOf('sh', [path, ...args], options);
    return { code, output: stdout + stderr };
  }

  async succeed(name: string, ...args: string[]): Promise<void> {
    const { code, output } = await this.script(name, ...args);
    if (code !== 0) throw new Error(`${name} ${args.join(' ')}: exit code ${code}\n${output}`);
  }

  #env(host: HostName) {
    return { ...dockerEnv, DOCKER_HOST: `unix://${LAB[`${host}_SOCKET`] ?? ''}` };
  }

  async power(what: 'crash' | 'start', host: HostName): Promise<void> {
    await run(PROGRAM, [what, host], { timeout: 90_000 });
  }

  /** A request to the edge of a host; the response with its headers. */
  async curl(host: HostName, path: string, ...options: string[]): Promise<string> {
    const tls = ['--cacert', this.folder.join('deploy/swarm/secrets/fullchain.pem')];
    const to = ['--resolve', `${DOMAIN}:443:${LAB[host] ?? ''}`, '--max-time', '30', '--include', '--silent'];
    return (await run(PROGRAM, ['in', 'curl', ...tls, ...to, ...options, `https://${DOMAIN}${path}`])).stdout;
  }

  /** Clients of the edge on n2. */
  load(requests: readonly LoadRequest[], lanes = 6): Load {
    const ca = readFileSync(this.folder.join('deploy/swarm/secrets/fullchain.pem'), 'utf8');
    const url = `https://${LAB.n2 ?? ''}:443`;
    return new Load({
      url,
      host: DOMAIN,
      ca,
      addresses: 0,
      runner: [PROGRAM, 'in'],
      lanes,
      pauseMs: 40,
      requests,
    });
  }

  /** The app's containers that run: "n1 1.0.0". */
  async running(): Promise<string[]> {
    const args = [
      'service',
      'ps',
      '--filter',
      'desired-state=running',
      '--format',
      '{{.Node}} {{.Image}} {{.CurrentState}}',
    ];
    const lines = (await this.docker('n2', [...args, `${this.name}_app`])).split('\n').filter(Boolean);
    return lines
      .map((line) => /^(\S+) \S+:([^@ ]+)\S* Running /.exec(line))
      .flatMap((match) => (match ? [`${match[1]} ${match[2]}`] : []))
      .sort();
  }

  async untilRunning(what: string, fits: (running: string[]) => boolean): Promise<void> {
    // Managers that choose a leader anew respond with an error.
    await until(what, async () => fits(await this.running().catch(() => [])), { seconds: 120 });
  }

  async down(): Promise<void> {
    await run(PROGRAM, ['off'], { timeout: 60_000 });
    await this.folder.remove();
  }
}
