import { execFile, spawn } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from './until.ts';

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
    // A link, and so no folder for .gitignore.
    await appendFile(copy.file('.git', 'info', 'exclude'), 'node_modules\n');
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

  /** Removes all that was done in it, but what Git ignores. */
  async reset(): Promise<void> {
    await this.git('reset', '--quiet', '--hard');
    await this.git('clean', '--quiet', '-d', '--force');
    await rm(this.file('.env'), { force: true });
  }

  /**
   * Runs init on a terminal, and types each text as soon as its question is there.
   *
   * @param dialogue - the end of each question, and what is typed then.
   */
  async initOnTerminal(dialogue: readonly (readonly [string, string])[]): Promise<Outcome> {
    const child = spawn('script', ['-qefc', `${process.execPath} scripts/init.mjs`, '/dev/null'], {
      cwd: this.path,
    });
    let output = '';
    let seen = 0;
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const code = new Promise<number>((resolve) =>
      child.once('close', (status) => {
        resolve(status ?? -1);
      }),
    );
    try {
      for (const [question, text] of dialogue) {
        await until(() => output.includes(question, seen), 120_000);
        seen = output.indexOf(question, seen) + question.length;
        child.stdin.write(text);
      }
      return { code: await code, output };
    } finally {
      child.stdin.end();
      child.kill();
    }
  }

  /** Runs a script of its package.json. */
  npm(...args: string[]): Promise<Outcome> {
    const npm = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
    return this.node(process.env.npm_execpath ?? npm, ...args);
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
