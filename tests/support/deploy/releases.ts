import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useFixtures } from '../fixture-features.ts';
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
 * A release with the features for tests in place of the examples.
 *
 * @returns the tarball's path.
 */
export async function makeTestRelease(version: string, out: string): Promise<string> {
  const tarball = await makeRelease(version, out);
  await repack(tarball, version, (release) => useFixtures(join(release, 'dist')));
  return tarball;
}

/** Changes what is in a release: its checksums fit. */
export async function repack(
  tarball: string,
  version: string,
  change: (release: string) => Promise<void>,
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'repack-'));
  await run('tar', ['-xzf', tarball, '-C', work]);
  await change(join(work, version));
  const sums = 'find . -type f ! -name SHA256SUMS -print0 | xargs -0 sha256sum > SHA256SUMS';
  await run('sh', ['-ec', sums], { cwd: join(work, version) });
  await run('tar', ['--owner=0', '--group=0', '-czf', tarball, '-C', work, version]);
  await rm(work, { recursive: true });
}

/**
 * Unpacks a release where it belongs on a host, and gives it a page that names it: /version.txt.
 *
 * @param host - what stands for /srv/app; `releases` is in it.
 * @returns the release's folder.
 */
export async function unpackRelease(tarball: string, host: string, version: string): Promise<string> {
  const releases = join(host, 'releases');
  await run('tar', ['-xzf', tarball, '-C', releases]);
  await writeFile(join(releases, version, 'public', 'version.txt'), version);
  return join(releases, version);
}

/**
 * A release as far as a supervisor sees it, in a second instead of ten, for tests that are not about the tarball. It has
 * the features for tests, and /version.txt.
 *
 * @param env - lines of its .env.
 */
export async function copyRelease(host: string, version: string, env = ''): Promise<void> {
  const folder = join(host, 'releases', version);
  await mkdir(folder, { recursive: true });
  for (const name of ['dist', 'public', 'data', 'deploy', 'scripts', 'package.json', 'ecosystem.config.js']) {
    await cp(repositoryPath(name), join(folder, name), { recursive: true });
  }
  await useFixtures(join(folder, 'dist'));
  await symlink(repositoryPath('node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'public', 'version.txt'), version);
  await writeFile(join(folder, '.env'), env);
}

/** Points `current` to a release that was copied. */
export async function linkCurrent(host: string, version: string): Promise<void> {
  await run('ln', ['-sfn', `releases/${version}`, join(host, 'next')]);
  await run('mv', ['-T', join(host, 'next'), join(host, 'current')]);
}

/** Makes a release the current one, as docs/releases.md describes. */
export async function switchTo(release: string, env: Record<string, string> = {}): Promise<void> {
  const options = { env: { PATH: process.env.PATH, ...env } };
  await run('sh', [join(release, 'deploy', 'switch.sh')], options);
}
