import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Absolute path of something in the project's folder. */
export function repositoryPath(...parts: string[]): string {
  return join(ROOT, ...parts);
}

/** A placeholder and what stands in its place for a test: `['/srv/app', folder]`. The first one that fits wins. */
export type Replacements = readonly (readonly [placeholder: string, value: string])[];

/** A folder of a test's own that daemons of other users can read, too. */
export class WorkFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(name: string): Promise<WorkFolder> {
    const folder = new WorkFolder(await mkdtemp(join(tmpdir(), `deploy-${name}-`)));
    await chmod(folder.path, 0o755);
    return folder;
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /**
   * Copies a file or folder of deploy/ into this one and replaces placeholders in it, in one pass: what was put in is
   * not looked at again. So what runs is what is shipped.
   *
   * @param source - below deploy/, for example `nginx`.
   * @param target - below this folder.
   * @throws {Error} for a placeholder that is not there: the shipped file has changed, and the test proves nothing.
   */
  render(source: string, target: string, replacements: Replacements): void {
    for (const [placeholder] of replacements) assertListed(placeholder);
    const unused = new Set(replacements.map(([placeholder]) => placeholder));
    const pattern = new RegExp(replacements.map(([placeholder]) => escapeRegExp(placeholder)).join('|'), 'g');
    const values = new Map(replacements);
    cpSync(repositoryPath('deploy', source), this.join(target), { recursive: true });
    for (const file of filesOf(this.join(target))) {
      const text = readFileSync(file, 'utf8');
      const rendered = text.replace(pattern, (placeholder) => {
        unused.delete(placeholder);
        return values.get(placeholder) ?? placeholder;
      });
      if (rendered !== text) writeFileSync(file, rendered);
    }
    if (unused.size > 0) throw new Error(`deploy/${source} does not have: ${[...unused].join(', ')}`);
  }

  /** Changes a rendered file, for values a test has to shorten: `['keepalive_timeout 60s', 'keepalive_timeout 1s']`. */
  change(file: string, [from, to]: readonly [from: string, to: string]): void {
    const text = readFileSync(this.join(file), 'utf8');
    if (!text.includes(from)) throw new Error(`${file} does not have: ${from}`);
    writeFileSync(this.join(file), text.replaceAll(from, to));
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** The placeholders that deploy/README.md lists: the first column of its tables. */
function listedPlaceholders(): string[] {
  const text = readFileSync(repositoryPath('deploy', 'README.md'), 'utf8');
  return [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, placeholder = '']) => placeholder);
}

function assertListed(text: string): void {
  if (listedPlaceholders().some((placeholder) => text.includes(placeholder))) return;
  throw new Error(`deploy/README.md does not list what the test replaces: ${text}`);
}

/** Every file below a folder, or the file itself. */
export function filesOf(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
