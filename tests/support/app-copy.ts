import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The built app in a folder of its own, which may have a `.env`. */
export class AppCopy {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<AppCopy> {
    const copy = new AppCopy(await mkdtemp(join(tmpdir(), 'app-')));
    // Synchronous: hundreds of links through Node's threads take ten times as long.
    cpSync(join(ROOT, 'dist'), copy.file('dist'), { recursive: true });
    for (const name of ['package.json', 'data', 'public']) symlinkSync(join(ROOT, name), copy.file(name));
    // A folder of its own: what development keeps is in its .cache, and must not be another process's.
    mkdirSync(copy.file('node_modules'));
    const packages = readdirSync(join(ROOT, 'node_modules')).filter((name) => name !== '.cache');
    for (const name of packages)
      symlinkSync(join(ROOT, 'node_modules', name), copy.file('node_modules', name));
    return copy;
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  async writeEnv(text: string): Promise<void> {
    await writeFile(this.file('.env'), text);
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
