import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a program ended, and what it printed. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** This template as a newcomer has it: a repository of its own with one commit, and installed packages. */
export class TemplateCopy {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TemplateCopy> {
    const copy = new TemplateCopy(await mkdtemp(join(tmpdir(), 'template-')));
    const listed = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
    });
    for (const file of listed.stdout.split('\0').filter(Boolean)) {
      await mkdir(dirname(copy.file(file)), { recursive: true });
      // A file may be listed and be deleted since.
      await cp(join(ROOT, file), copy.file(file)).catch(() => undefined);
    }
    await symlink(join(ROOT, 'node_modules'), copy.file('node_modules'));
    await copy.git('init', '--quiet');
    await copy.git('add', '--all');
    await copy.git('commit', '--quiet', '--message', 'template');
    return copy;
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  async git(...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    return (await run('git', [...identity, ...args], { cwd: this.path })).stdout;
  }

  /** Runs a program of Node's in it, without a terminal, whatever its exit code. */
  async node(...args: string[]): Promise<Outcome> {
    const options = { cwd: this.path, maxBuffer: 1 << 26 };
    return new Promise((resolve) => {
      const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
        const code = error ? Number(error.code ?? -1) : 0;
        resolve({ code, output: stdout + stderr });
      });
      child.stdin?.end();
    });
  }

  init(...args: string[]): Promise<Outcome> {
    return this.node('scripts/init.mjs', ...args);
  }

  /** Runs a suite of its own tests. */
  test(...paths: string[]): Promise<Outcome> {
    return this.node('--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--silent', ...paths);
  }

  /** What the compiler, Prettier and, where asked for, ESLint say about it; empty for nothing. */
  async problems({ lint = false } = {}): Promise<string> {
    const tools = [
      ['typescript/bin/tsc', '--noEmit'],
      ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
      ...(lint ? [['eslint/bin/eslint.js', '.']] : []),
    ];
    let found = '';
    for (const [program = '', ...args] of tools) {
      const { code, output } = await this.node(join('node_modules', program), ...args);
      if (code !== 0) found += `${program}:\n${output}`;
    }
    return found;
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
