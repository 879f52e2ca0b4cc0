import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { outcomeOf, type Outcome } from '../outcome.ts';
import { describeWithNpm } from './npm-program.ts';
import { PM2 } from './pm2.ts';
import { repositoryPath } from './render.ts';
import { describeUnless } from './tools.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/**
 * The script that runs a machine with systemd: SYSTEMD_LAB, by default tests/lab/systemd.sh. `root` prints the folder with
 * the machine's files, `boot` boots it, `in COMMAND …` runs something inside, `off` ends it. Any container or virtual
 * machine that boots systemd 252 or later will do. This machine's own systemd is left alone.
 */
const PROGRAM = process.env.SYSTEMD_LAB ?? repositoryPath('tests/lab/systemd.sh');
const { status } = spawnSync(PROGRAM, ['root']);

/** When a machine that a test forgot is ended, in seconds. */
const LIFETIME = '900';

/**
 * `describe` for suites that need a booted systemd, and PM2 to run on it.
 *
 * @param suite - gets the folder with PM2's commands.
 */
export function describeWithSystemd(name: string, suite: (pm2Commands: string) => void): void {
  if (status === 0) describeWithNpm(PM2, name, suite);
  else
    describeUnless('As root on Debian 12 run: tests/lab/systemd.sh setup', name, () => {
      suite('');
    });
}

/**
 * The folder with a machine's files.
 *
 * @throws {Error} where it has none, because paths below an empty one would be those of the machine that runs the tests.
 */
function rootOf([file = '', ...args]: readonly string[]): string {
  const { status, stdout } = spawnSync(file, [...args, 'root'], { encoding: 'utf8' });
  const root = stdout.trim();
  if (status !== 0 || !isAbsolute(root) || root === '/') throw new Error(`${file} has no folder: "${root}"`);
  return root;
}

/** The machine with systemd. */
export class SystemdMachine {
  readonly #program: readonly string[];
  readonly #root: string;

  /**
   * @param program - a script with the commands above, and its first arguments, if it has several machines.
   * @throws {Error} before its setup.
   */
  constructor(program: readonly string[] = [PROGRAM]) {
    this.#program = program;
    this.#root = rootOf(program);
  }

  static async boot(): Promise<SystemdMachine> {
    const machine = new SystemdMachine();
    await machine.off();
    await machine.takeNode();
    await machine.on();
    return machine;
  }

  async on(): Promise<void> {
    await this.#expect(['boot'], 60);
  }

  /** Has it use the node that runs the tests, not the one of the day the machine was made. */
  async takeNode(): Promise<void> {
    await rm(this.path('/usr/bin/node'), { force: true });
    await copyFile(process.execPath, this.path('/usr/bin/node'));
  }

  /** Where a file inside is on this machine. */
  path(inside: string): string {
    return join(this.#root, inside);
  }

  /** How a program on this machine runs a command inside. */
  command(...args: string[]): string[] {
    return [...this.#program, 'in', ...args];
  }

  /**
   * Runs a command line of the docs on this machine, as it is written, with the machine inside for the host that it names.
   *
   * @throws {Error} where the command does not name the host.
   */
  async runAt(host: string, commandLine: string): Promise<void> {
    if (!commandLine.includes(host)) throw new Error(`"${commandLine}" does not name ${host}`);
    const inside = commandLine.replace(host, this.command().join(' '));
    await run('sh', ['-ec', inside], { cwd: repositoryPath() });
  }

  async write(inside: string, content: string, mode = 0o644): Promise<void> {
    await mkdir(dirname(this.path(inside)), { recursive: true });
    await writeFile(this.path(inside), content, { mode });
  }

  /** Runs a command inside, whatever its exit code. */
  async run(...args: string[]): Promise<Outcome> {
    return this.#call(['in', ...args], 120);
  }

  /** Runs a command inside that has to succeed, and gives what it printed. */
  async in(...args: string[]): Promise<string> {
    return this.#expect(['in', ...args], 120);
  }

  /** A property of a unit, as `systemctl show` has it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.in('systemctl', 'show', unit, '--property', name, '--value')).trim();
  }

  async journal(unit: string): Promise<string> {
    return this.in('journalctl', '--unit', unit, '--output', 'cat', '--no-pager');
  }

  async until(what: string, condition: () => Promise<boolean>, seconds = 40): Promise<void> {
    await until(what, condition, { seconds });
  }

  async off(): Promise<void> {
    await this.#call(['off'], 60);
  }

  async #expect(args: readonly string[], seconds: number): Promise<string> {
    const { code, stdout, stderr } = await this.#call(args, seconds);
    if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`);
    return stdout;
  }

  async #call(args: readonly string[], seconds: number): Promise<Outcome> {
    const env = { ...process.env, LAB_LIFETIME: LIFETIME, LC_ALL: 'C' };
    const options = { env, timeout: seconds * 1000, maxBuffer: 1 << 26 };
    const [file = '', ...first] = this.#program;
    return outcomeOf(file, [...first, ...args], options);
  }
}
