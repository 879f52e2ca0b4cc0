import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { freePort } from '../redis-server.ts';
import { accepts } from './accepts.ts';
import { ask, type Question, type Reply } from './ask.ts';
import { makeCertificate } from './certificate.ts';
import { Daemon } from './daemon.ts';
import type { LoadOptions } from './load.ts';
import { repositoryPath, WorkFolder } from './render.ts';
import { until } from './until.ts';

const run = promisify(execFile);

export const DOMAIN = 'example.com';

export interface NginxOptions {
  /** The ports of the two app hosts; one given stands for both. */
  readonly hosts: readonly [first: number, second?: number];
  /** Values to shorten: [file in deploy/nginx/, from, to]. */
  readonly changes?: readonly (readonly [file: string, from: string, to: string])[];
}

/** A running nginx with deploy/nginx, in a folder and on ports of its own. */
export class Nginx {
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

  /** Everything but running. */
  static async prepare({ hosts, changes = [] }: NginxOptions): Promise<Nginx> {
    const folder = await WorkFolder.create('nginx');
    for (const name of ['tls', 'log', 'cache', 'srv/current/dist']) {
      mkdirSync(folder.join(name), { recursive: true });
    }
    const ca = await makeCertificate(folder.join('tls'), DOMAIN);
    const nginx = new Nginx(folder, await freePort(), await freePort(), ca);
    const [first, second = first] = hosts;
    folder.render('nginx', 'nginx', [
      ['127.0.0.1:3000', `127.0.0.1:${first}`],
      ['127.0.0.1:3001', `127.0.0.1:${second}`],
      ['listen 80', `listen 127.0.0.1:${nginx.httpPort}`],
      ['listen 443', `listen 127.0.0.1:${nginx.httpsPort}`],
      // Not every machine has IPv6; the line is there all the same, with another address.
      ['listen [::]:80', `listen 127.0.0.2:${nginx.httpPort}`],
      ['listen [::]:443', `listen 127.0.0.2:${nginx.httpsPort}`],
      ['/srv/app', folder.join('srv')],
      ['/etc/ssl/app', folder.join('tls')],
      ['/etc/nginx/app', folder.join('nginx/app')],
      ['/var/cache/nginx', folder.join('cache')],
      ['/var/log/nginx', folder.join('log')],
      ['/run/nginx.pid', folder.join('nginx.pid')],
    ]);
    // Part of nginx's package.
    cpSync('/etc/nginx/mime.types', folder.join('nginx/mime.types'));
    cpSync(repositoryPath('public'), folder.join('srv/current/public'), { recursive: true });
    // The list of shipped routes is the user's; this one is of the features for tests.
    folder.change('nginx/app/cache.conf', ['default off;', 'default off;\n    0:/api/items answers;']);
    for (const [file, from, to] of changes) folder.change(`nginx/${file}`, [from, to]);
    return nginx;
  }

  static async start(options: NginxOptions): Promise<Nginx> {
    const nginx = await Nginx.prepare(options);
    await nginx.start();
    return nginx;
  }

  /** The lines of `nginx -t`, without the warning that the directive `user` has no effect unless root runs it. */
  async check(): Promise<string[]> {
    const { stderr } = await run('nginx', [...this.#args, '-t']);
    return stderr.split('\n').filter((line) => !line.includes('the "user" directive makes sense only if'));
  }

  /** The command of README.md for each release. */
  async hashAssets(): Promise<void> {
    const [from, to] = ['srv/current/public', 'srv/current/dist/public'].map((name) =>
      this.folder.join(name),
    );
    await run(process.execPath, [repositoryPath('deploy/nginx/assets.mjs'), from ?? '', to ?? '']);
  }

  async start(): Promise<void> {
    this.#daemon = await Daemon.start('nginx', [...this.#args, '-g', 'daemon off;'], {
      ready: () => accepts(this.httpsPort),
    });
  }

  /** As `systemctl reload nginx` does; resolves when the new workers are there. */
  async reload(): Promise<void> {
    const old = new Set(this.workers());
    this.#daemon?.signal('SIGHUP');
    await until('nginx has new workers', () => this.workers().some((pid) => !old.has(pid)));
  }

  /** The process ids of its workers. */
  workers(): number[] {
    return this.#daemon?.children() ?? [];
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
    return readFileSync(this.folder.join('log/access.log'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string | number>);
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    await this.folder.remove();
  }

  get #args(): string[] {
    return ['-e', 'stderr', '-c', this.folder.join('nginx/nginx.conf')];
  }
}
