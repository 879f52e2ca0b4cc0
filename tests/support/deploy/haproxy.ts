import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { freePort } from '../redis-server.ts';
import { accepts } from './accepts.ts';
import { ask, type Question, type Reply } from './ask.ts';
import { makeCertificate } from './certificate.ts';
import { Daemon } from './daemon.ts';
import type { LoadOptions } from './load.ts';
import { WorkFolder, type Replacements } from './render.ts';
import { until } from './until.ts';

const run = promisify(execFile);

const DOMAIN = 'example.com';
const CONFIG = 'haproxy/haproxy.cfg';

export interface HaproxyOptions {
  /** The ports of the two app hosts. */
  readonly hosts: readonly [first: number, second: number];
  /** What to change beside placeholders: values to shorten, comments to switch on. */
  readonly changes?: Replacements;
}

/** Lines only root can obey. */
const FOR_ROOT = ['user haproxy', 'group haproxy', 'chroot /var/lib/haproxy'] as const;

/** A running HAProxy with deploy/haproxy, in a folder and on ports of its own. */
export class Haproxy {
  readonly folder: WorkFolder;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly ca: string;
  #daemon: Daemon | undefined;

  private constructor(folder: WorkFolder, httpPort: number, httpsPort: number, ca: string) {
    this.folder = folder;
    this.httpPort = httpPort;
    this.httpsPort = httpsPort;
    this.ca = ca;
  }

  static async start({ hosts, changes = [] }: HaproxyOptions): Promise<Haproxy> {
    const folder = await WorkFolder.create('haproxy');
    for (const name of ['tls', 'jail']) mkdirSync(folder.join(name));
    chmodSync(folder.join('jail'), 0o555);
    const ca = await makeCertificate(folder.join('tls'), DOMAIN);
    const haproxy = new Haproxy(folder, await freePort(), await freePort(), ca);
    folder.render('haproxy', 'haproxy', [
      ['127.0.0.1:3000', `127.0.0.1:${hosts[0]}`],
      ['127.0.0.1:3001', `127.0.0.1:${hosts[1]}`],
      ['[::]:80 v4v6', `127.0.0.1:${haproxy.httpPort}`],
      ['[::]:443 v4v6', `127.0.0.1:${haproxy.httpsPort}`],
      ['/etc/ssl/app', folder.join('tls')],
      ['/etc/haproxy/pages', folder.join('haproxy/pages')],
      ['/var/lib/haproxy', folder.join('jail')],
      ['/run/haproxy/admin.sock', folder.join('admin.sock')],
    ]);
    for (const change of changes) folder.change(CONFIG, change);
    if (process.getuid?.() !== 0) {
      for (const line of FOR_ROOT) {
        const rendered = line.replace('/var/lib/haproxy', folder.join('jail'));
        folder.change(CONFIG, [rendered, `# ${rendered}`]);
      }
    }
    await haproxy.#start();
    return haproxy;
  }

  /** The output of `haproxy -c`. */
  async check(): Promise<string> {
    const { stdout, stderr } = await run('haproxy', ['-c', '-f', this.folder.join(CONFIG)]);
    return stdout + stderr;
  }

  async #start(): Promise<void> {
    // As Debian's unit does: a master that stays, and workers that a reload replaces.
    this.#daemon = await Daemon.start('haproxy', ['-W', '-f', this.folder.join(CONFIG)], {
      // HAProxy listens on its ports first, and only then gives the socket file its name.
      ready: async () => existsSync(this.folder.join('admin.sock')) && accepts(this.httpsPort),
    });
  }

  /** As `systemctl reload haproxy` does; resolves when the new worker is there. */
  async reload(): Promise<void> {
    const old = new Set(this.#daemon?.children());
    this.#daemon?.signal('SIGUSR2');
    await until(
      'there is a new worker',
      () => this.#daemon?.children().some((pid) => !old.has(pid)) === true,
    );
  }

  /** The response that `socat - admin.sock` would get. */
  async admin(command: string): Promise<string> {
    const socket = connect(this.folder.join('admin.sock'));
    socket.setEncoding('utf8');
    let answer = '';
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.end(`${command}\n`);
    await once(socket, 'close');
    return answer;
  }

  /** UP, DOWN, DRAIN … of app1 or app2. */
  async stateOf(server: string): Promise<string> {
    const [head = '', ...rows] = (await this.admin('show stat')).trim().split('\n');
    const column = head.split(',').indexOf('status');
    const row = rows
      .map((line) => line.split(','))
      .find(([proxy, name]) => proxy === 'app' && name === server);
    return row?.[column] ?? '';
  }

  get url(): string {
    return `https://127.0.0.1:${this.httpsPort}`;
  }

  ask(path: string, question: Omit<Question, 'url'> = {}): Promise<Reply> {
    return ask({ url: this.url + path, host: DOMAIN, ca: this.ca, ...question });
  }

  /** Where a load has to go. */
  get target(): Pick<LoadOptions, 'url' | 'host' | 'ca'> {
    return { url: this.url, host: DOMAIN, ca: this.ca };
  }

  /** Its access log. */
  get log(): Record<string, string | number>[] {
    return (this.#daemon?.output ?? '')
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, string | number>);
  }

  /** Its log apart from the access log: starts, and hosts that come and go. */
  get notes(): string[] {
    return (this.#daemon?.output ?? '').split('\n').filter((line) => !line.startsWith('{'));
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    await this.folder.remove();
  }
}
