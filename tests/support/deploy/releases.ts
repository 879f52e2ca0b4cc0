import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryPath } from './render.ts';

const run = promisify(execFile);

/**
 * `npm run package`.
 *
 * @returns the tarball's path.
 */
export async function makeRelease(version: string, out: string): Promise<string> {
  const args = [repositoryPath('scripts/package.mjs'), '--version', version, '--out', out];
  const { stdout } = await run(process.execPath, args);
  return stdout.trim();
}

/**
 * Unpacks a release where it belongs on a host, and gives it a page that tells which one answers: /version.txt.
 *
 * @param host - what stands for /srv/app.
 * @returns the release's folder.
 */
export async function unpackRelease(tarball: string, host: string, version: string): Promise<string> {
  const releases = join(host, 'releases');
  await mkdir(releases, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', releases]);
  await writeFile(join(releases, version, 'public', 'version.txt'), version);
  return join(releases, version);
}

/** Makes a release the current one, as docs/releases.md says. */
export async function switchTo(release: string, env: Record<string, string> = {}): Promise<void> {
  const options = { env: { PATH: process.env.PATH, ...env } };
  await run('sh', [join(release, 'deploy', 'switch.sh')], options);
}
