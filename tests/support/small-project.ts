import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcomeOf, type Outcome } from './outcome.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const COPIED = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts'];

/** What is installed, built or this machine's own. */
const NOT_COPIED = new Set(['node_modules', 'dist', 'coverage', '.git', '.env']);

/** A checkout of the project with a few lines of source in place of its own, so that a build takes a second. */
export class SmallProject {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(sources: Readonly<Record<string, string>>): Promise<SmallProject> {
    const project = new SmallProject(await mkdtemp(join(tmpdir(), 'project-')));
    for (const name of COPIED) await cp(join(ROOT, name), project.file(name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), project.file('node_modules'));
    for (const [name, text] of Object.entries(sources)) await project.write(name, text);
    return project;
  }

  /** All of it, with its own source; of node_modules a link. */
  static async whole(): Promise<SmallProject> {
    const project = await SmallProject.create({});
    const names = (await readdir(ROOT)).filter((name) => !NOT_COPIED.has(name) && !COPIED.includes(name));
    for (const name of names) await cp(join(ROOT, name), project.file(name), { recursive: true });
    return project;
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.file(name)), { recursive: true });
    await writeFile(this.file(name), text);
  }

  async read(name: string): Promise<string> {
    return readFile(this.file(name), 'utf8');
  }

  /** Runs a command in it, with nothing of the test's environment but the PATH. */
  run(command: string, ...args: string[]): Promise<Outcome> {
    return this.runWith({}, command, ...args);
  }

  /** `run` with further environment. */
  async runWith(env: Readonly<Record<string, string>>, command: string, ...args: string[]): Promise<Outcome> {
    const options = { cwd: this.path, env: { PATH: process.env.PATH, HOME: this.path, ...env } };
    return outcomeOf(command, args, options);
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
