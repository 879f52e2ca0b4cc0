import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { outcomeOf, type Outcome } from '../outcome.ts';
import { makeCertificate } from './certificate.ts';
import type { LoadOptions } from './load.ts';
import { repositoryPath, WorkFolder, type Replacements } from './render.ts';
import { SystemdMachine } from './systemd.ts';
import { describeWith, describeUnless, labVariables } from './tools.ts';

const run = promisify(execFile);

/** The script that runs three machines with systemd and SSH in one network: HOSTS_LAB, by default tests/lab/hosts.sh. */
const PROGRAM = process.env.HOSTS_LAB ?? repositoryPath('tests/lab/hosts.sh');
const variables = labVariables(PROGRAM);
const LAB = variables ?? {};

const DOMAIN = 'example.com';

/** `describe` for suites that need these machines, and Ansible. */
export function describeWithHosts(name: string, suite: () => void): void {
  if (variables) describeWith(['ansible', 'openssl'], name, suite);
  else describeUnless('As root on Debian 12 run: tests/lab/hosts.sh setup', name, suite);
}

/** Two app hosts, a balancer with HAProxy or nginx, and a folder with deploy/ansible that runs against them. */
export class Hosts {
  readonly app1 = new SystemdMachine([PROGRAM, 'app1']);
  readonly app2 = new SystemdMachine([PROGRAM, 'app2']);
  readonly lb = new SystemdMachine([PROGRAM, 'lb']);
  /** Stands for a checkout: deploy/ and package.json; tarballs of releases belong beside it. */
  readonly folder: WorkFolder;
  ca = '';

  private constructor(folder: WorkFolder) {
    this.folder = folder;
  }

  static async up(): Promise<Hosts> {
    // First: before that, the machines have no files.
    await run(PROGRAM, ['up'], { env: { ...process.env, LAB_LIFETIME: '1800' } });
    const hosts = new Hosts(await WorkFolder.create('ansible'));
    for (const host of [hosts.app1, hosts.app2]) await host.takeNode();
    await hosts.#checkout();
    await hosts.#balancers();
    return hosts;
  }

  /** The balancer's files and the inventory name the same addresses. */
  get #addresses(): Replacements {
    return [
      ['127.0.0.1:3000', `${LAB.APP1}:3000`],
      ['127.0.0.1:3001', `${LAB.APP2}:3000`],
    ];
  }

  async #checkout(): Promise<void> {
    const machines: Replacements = [
      ['app1.example.com', LAB.APP1 ?? ''],
      ['app2.example.com', LAB.APP2 ?? ''],
      ['lb.example.com', LAB.LB ?? ''],
    ];
    await mkdir(this.folder.join('deploy'));
    this.folder.render('ansible', 'deploy/ansible', [...machines, ...this.#addresses]);
    for (const name of ['package.json', 'deploy/prepare-host.sh', 'deploy/systemd']) {
      await cp(repositoryPath(name), this.folder.join(name), { recursive: true });
    }
  }

  async #balancers(): Promise<void> {
    const { lb, folder } = this;
    for (const name of ['haproxy', 'nginx']) folder.render(name, name, this.#addresses);
    // All clients have one address here.
    folder.change('haproxy/haproxy.cfg', ['gt 500', 'gt 100000']);
    folder.change('nginx/app/rate-limit.conf', ['rate=50r/s', 'rate=10000r/s']);
    await mkdir(folder.join('tls'));
    this.ca = await makeCertificate(folder.join('tls'), DOMAIN);
    await cp(folder.join('tls'), lb.path('/etc/ssl/app'), { recursive: true });
    await cp(folder.join('haproxy'), lb.path('/etc/haproxy'), { recursive: true });
    await cp(folder.join('nginx'), lb.path('/etc/nginx'), { recursive: true });
    await lb.in('mkdir', '-p', '/var/cache/nginx', '/srv/app/current/dist/public');
    await lb.write('/etc/redis/redis.conf', 'bind 0.0.0.0\nprotected-mode no\nsave ""\n');
    await lb.in('systemctl', 'start', 'redis-server', 'haproxy');
  }

  /** nginx as the balancer, in place of HAProxy. */
  async useNginx(): Promise<void> {
    await this.lb.in('systemctl', 'stop', 'haproxy');
    await this.lb.in('systemctl', 'start', 'nginx');
    this.folder.change('deploy/ansible/inventory.yml', ['balancer: haproxy', 'balancer: nginx']);
  }

  async useHaproxy(): Promise<void> {
    await this.lb.in('systemctl', 'stop', 'nginx');
    await this.lb.in('systemctl', 'start', 'haproxy');
    this.folder.change('deploy/ansible/inventory.yml', ['balancer: nginx', 'balancer: haproxy']);
  }

  get balancerAddress(): string {
    return LAB.LB ?? '';
  }

  /** Where Redis is, for both app hosts. */
  get redisUrl(): string {
    return `redis://${LAB.LB}:6379`;
  }

  /** The address of an app host. */
  addressOf(name: 'app1' | 'app2'): string {
    return LAB[name.toUpperCase()] ?? '';
  }

  /** Runs a command line in deploy/ansible, on a machine in the hosts' network. */
  async ansible(commandLine: string): Promise<Outcome> {
    const env = {
      ...process.env,
      LC_ALL: 'C.UTF-8',
      HOME: this.folder.path,
      ANSIBLE_PRIVATE_KEY_FILE: LAB.KEY,
      ANSIBLE_SSH_COMMON_ARGS: `-o UserKnownHostsFile=${LAB.KNOWN_HOSTS}`,
    };
    const options = { cwd: this.folder.join('deploy/ansible'), env, timeout: 400_000, maxBuffer: 1 << 26 };
    return outcomeOf(PROGRAM, ['in', 'sh', '-ec', commandLine], options);
  }

  /** Where a load has to go: to the balancer. */
  get target(): Pick<LoadOptions, 'url' | 'host' | 'ca' | 'addresses' | 'runner'> {
    return { url: `https://${LAB.LB}:443`, host: DOMAIN, ca: this.ca, addresses: 0, runner: [PROGRAM, 'in'] };
  }

  async down(): Promise<void> {
    await run(PROGRAM, ['off']);
    await this.folder.remove();
  }
}
