import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
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
    await cp(join(ROOT, 'dist'), copy.file('dist'), { recursive: true });
    for (const name of ['package.json', 'data', 'public']) await symlink(join(ROOT, name), copy.file(name));
    // A folder of its own: what development keeps is in its .cache, and must not be another process's.
    await mkdir(copy.file('node_modules'));
    const packages = (await readdir(join(ROOT, 'node_modules'))).filter((name) => name !== '.cache');
    for (const name of packages)
      await symlink(join(ROOT, 'node_modules', name), copy.file('node_modules', name));
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
