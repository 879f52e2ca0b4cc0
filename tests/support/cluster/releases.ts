import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useFixtures } from '../fixture-features.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FEATURES = join(ROOT, 'tests/fixtures/cluster/features.mjs');

/** Ways to break a release: what takes the place of its server.js. */
export const BAD_SERVERS = {
  'a syntax error': 'const = ;\n',
  'throws at its start': "throw new Error('this release is broken');\n",
  'exits without a message': 'process.exit(1);\n',
  'is never ready': 'setInterval(() => undefined, 1000);\n',
  'crashes 500 ms after it was ready': [
    "await import('./server-of-the-good-release.js');",
    "setTimeout(() => { throw new Error('a late bug'); }, 500);",
    '',
  ].join('\n'),
} as const;

/** A host's folder of releases, with a `current` symlink, as a deploy tool makes it. */
export class Releases {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Has one release already, "first", and it is the current one. */
  static async create(): Promise<Releases> {
    const releases = new Releases(await mkdtemp(join(tmpdir(), 'cluster-')));
    await releases.deploy('first');
    return releases;
  }

  get current(): string {
    return join(this.root, 'current');
  }

  /** Adds a release that shows its name at /test/pid, and makes it the current one. */
  async deploy(name: string, { server }: { server?: string } = {}): Promise<void> {
    const folder = join(this.root, 'releases', name);
    const dist = join(folder, 'dist');
    await mkdir(folder, { recursive: true });
    await cp(join(ROOT, 'dist'), dist, { recursive: true });
    for (const shared of ['package.json', 'node_modules', 'data', 'public']) {
      await symlink(join(ROOT, shared), join(folder, shared));
    }
    await useFixtures(dist);
    await rename(join(dist, 'features/index.js'), join(dist, 'features/real.js'));
    const features = await readFile(FEATURES, 'utf8');
    await writeFile(
      join(dist, 'features/index.js'),
      features.replace("const RELEASE = 'first'", `const RELEASE = '${name}'`),
    );
    if (server !== undefined) {
      await rename(join(dist, 'server.js'), join(dist, 'server-of-the-good-release.js'));
      await writeFile(join(dist, 'server.js'), server);
    }
    await this.#point(folder);
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  /** As `ln -sfn` with a rename: there is no moment without a current release. */
  async #point(folder: string): Promise<void> {
    await symlink(folder, `${this.current}.new`);
    await rename(`${this.current}.new`, this.current);
  }
}
