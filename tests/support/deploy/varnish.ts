import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { freePort } from '../redis-server.ts';
import { accepts } from './accepts.ts';
import { ask, type Question, type Reply } from './ask.ts';
import { Daemon } from './daemon.ts';
import { WorkFolder } from './render.ts';

const run = promisify(execFile);

export interface VarnishOptions {
  /** The ports of the two app hosts. */
  readonly hosts: readonly [first: number, second: number];
}

/** A running Varnish with deploy/varnish, in a folder and on a port of its own. */
export class Varnish {
  readonly folder: WorkFolder;
  readonly port: number;
  #daemon: Daemon | undefined;

  private constructor(folder: WorkFolder, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async start({ hosts }: VarnishOptions): Promise<Varnish> {
    const folder = await WorkFolder.create('varnish');
    mkdirSync(folder.join('state'));
    const varnish = new Varnish(folder, await freePort());
    folder.render('varnish', 'varnish', [
      ['.port = "3000"', `.port = "${hosts[0]}"`],
      ['.port = "3001"', `.port = "${hosts[1]}"`],
      ['/etc/varnish/pages', folder.join('varnish/pages')],
    ]);
    await varnish.#start();
    return varnish;
  }

  async #start(): Promise<void> {
    const listen = ['-a', `127.0.0.1:${this.port}`];
    // Without a jail: that needs root, and users that only the package's own folders belong to.
    const args = ['-F', '-j', 'none', ...listen, '-n', this.folder.join('state'), '-s', 'malloc,32m'];
    this.#daemon = await Daemon.start('varnishd', [...args, '-f', this.folder.join('varnish/default.vcl')], {
      ready: () => accepts(this.port),
    });
  }

  /** Compiles the VCL, as a reload does before anything else. */
  async compile(): Promise<void> {
    const state = ['-n', this.folder.join('compile')];
    await run('varnishd', ['-C', '-f', this.folder.join('varnish/default.vcl'), ...state], {
      maxBuffer: 1e8,
    });
  }

  /** Sick or healthy, by the number of app1 and app2. */
  async admin(...command: string[]): Promise<string> {
    const { stdout } = await run('varnishadm', ['-n', this.folder.join('state'), ...command]);
    return stdout;
  }

  /** Whether the probes find app1 or app2 healthy. */
  async isHealthy(backend: string): Promise<boolean> {
    const list = await this.admin('backend.list');
    return new RegExp(`\\.${backend}\\s.*\\bhealthy\\b`).test(list);
  }

  ask(path: string, question: Omit<Question, 'url'> = {}): Promise<Reply> {
    return ask({ url: `http://127.0.0.1:${this.port}${path}`, host: 'example.com', ...question });
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    await this.folder.remove();
  }
}
