import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { repositoryPath, WorkFolder } from '../render.ts';

const run = promisify(execFile);

/** A copy of deploy/kubernetes with secrets of its own, as a checkout would have it after the first commands of its README. */
export class Overlays {
  readonly folder: WorkFolder;

  private constructor(folder: WorkFolder) {
    this.folder = folder;
  }

  static async create(): Promise<Overlays> {
    const folder = await WorkFolder.create('kubernetes');
    cpSync(repositoryPath('deploy/kubernetes'), folder.path, {
      recursive: true,
      // Not what somebody who works on this checkout has made there.
      filter: (path) => basename(dirname(path)) !== 'secrets' || basename(path) === '.gitignore',
    });
    return new Overlays(folder);
  }

  path(name: string): string {
    return this.folder.join('overlays', name);
  }

  /**
   * Runs secrets.sh.
   *
   * @throws {Error} with what it said.
   */
  async makeSecrets(name: string): Promise<void> {
    await run(this.folder.join('secrets.sh'), [name]);
  }

  writeSecret(name: string, file: string, text: string): void {
    writeFileSync(this.folder.join('overlays', name, 'secrets', file), text);
  }

  readSecret(name: string, file: string): string {
    return readFileSync(this.folder.join('overlays', name, 'secrets', file), 'utf8');
  }

  /** Copies an overlay's secrets from another copy. */
  takeSecrets(from: Overlays, name: string): void {
    cpSync(from.folder.join('overlays', name, 'secrets'), this.folder.join('overlays', name, 'secrets'), {
      recursive: true,
    });
  }

  /** Uncomments components in an overlay. */
  choose(name: string, ...components: string[]): void {
    const file = `overlays/${name}/kustomization.yaml`;
    this.folder.change(file, ['# components:', 'components:']);
    for (const component of components) {
      this.folder.change(file, [`#   - ../../components/${component}`, `  - ../../components/${component}`]);
    }
  }
}
