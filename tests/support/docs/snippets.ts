import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './files.ts';
import type { Fence } from './markdown.ts';

const run = promisify(execFile);

const CHECK = join(ROOT, 'tests/support/docs/check-snippets.mjs');

/** The part of the project that a snippet may use, and the rules for it. */
const COPIED = [
  'src',
  'tests/support',
  'tests/fixtures',
  'package.json',
  'tsconfig.json',
  'eslint.config.mjs',
  'data',
];

/** `// src/app.ts`, or with `, below: LINE` or `, in place of: LINE` where the snippet goes into it. */
const HEADER = /^\/\/ (?<file>[\w./-]+\.ts)(?:, (?<where>below|in place of): (?<line>.+))?\n/;

/** A snippet of TypeScript, with the file that its first line names. */
export interface Snippet {
  readonly document: string;
  readonly file: string;
  /** The line of the file below which it goes, or which it replaces; unset: it is the whole file. */
  readonly line: string | undefined;
  readonly replaces: boolean;
  readonly code: string;
}

/** @throws {Error} when the first line names no file. */
export function snippetOf({ document, code }: Fence): Snippet {
  const { file, where, line } = HEADER.exec(code)?.groups ?? {};
  if (file === undefined)
    throw new Error(`A snippet of ${document} names no file in its first line:\n${code}`);
  return { document, file, line, replaces: where === 'in place of', code };
}

/**
 * Whether the project does not have yet what a snippet adds. A project whose owner has followed a document, or whose feature
 * happens to have the example's name, has nothing to try it in.
 */
export function isToDo(snippet: Snippet, _index: number, all: readonly Snippet[]): boolean {
  const isThere = ({ file, line }: Snippet) => line === undefined && existsSync(join(ROOT, file));
  if (all.some((other) => other.document === snippet.document && isThere(other))) return false;
  const path = join(ROOT, snippet.file);
  const present = existsSync(path) ? trimmed(readFileSync(path, 'utf8')) : [];
  return !trimmed(snippet.code.replace(HEADER, '')).every((one) => present.includes(one));
}

const trimmed = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

/** A copy of the project with the snippets in the files they are for. */
export class SnippetProject {
  readonly #folder: string;
  readonly #files: readonly string[];

  private constructor(folder: string, files: readonly string[]) {
    this.#folder = folder;
    this.#files = files;
  }

  /** @throws {Error} when two snippets are the same whole file, or a file has no line such as the snippet goes below. */
  static async create(snippets: readonly Snippet[]): Promise<SnippetProject> {
    const folder = await mkdtemp(join(tmpdir(), 'docs-'));
    for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const snippet of snippets) await place(snippet, join(folder, snippet.file));
    return new SnippetProject(folder, [...new Set(snippets.map(({ file }) => file))]);
  }

  /** What the compiler reports about the project, and ESLint about the files with snippets: two empty texts, if nothing. */
  async check(): Promise<{ types: string; lint: string }> {
    const { stdout } = await run(process.execPath, [CHECK, this.#folder, ...this.#files]);
    return JSON.parse(stdout) as { types: string; lint: string };
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

/** Writes one snippet into its file. */
export async function place({ document, line, replaces, code, file }: Snippet, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (line === undefined) {
    if (text !== undefined) throw new Error(`${document} has a snippet for ${file}, which is there already`);
    await writeFile(path, code);
    return;
  }
  const lines = (text ?? '').split('\n');
  const index = lines.findIndex((other) => other.trim() === line);
  if (index < 0) throw new Error(`${document} has a snippet for a line that ${file} does not have: ${line}`);
  lines.splice(replaces ? index : index + 1, replaces ? 1 : 0, code);
  await writeFile(path, lines.join('\n'));
}
