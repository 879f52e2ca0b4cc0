import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeUnless } from './tools.ts';

/**
 * `describe` for suites that run a program from npm that is no dependency of the project: by its licence (PM2 is AGPL), or
 * because nothing but its suite needs it. It is installed once, into a folder for temporary files.
 *
 * @param spec - name and exact version; of several packages, with a space between two.
 * @param suite - gets the folder with its commands, which is in the one with its packages.
 */
export function describeWithNpm(spec: string, name: string, suite: (bin: string) => void): void {
  const bin = install(spec);
  const missing = bin === undefined ? `"npm install ${spec}" failed. It needs the network once.` : undefined;
  describeUnless(missing, name, () => {
    suite(bin ?? '');
  });
}

function install(spec: string): string | undefined {
  const packages = spec.split(' ');
  const hash = createHash('sha256').update(spec).digest('hex').slice(0, 12);
  const name = packages.length === 1 ? spec : `${packages[0] ?? ''}-${hash}`;
  const folder = join(tmpdir(), 'npm-programs', name.replaceAll('/', '-'));
  const installed = join(folder, 'node_modules');
  const bin = join(installed, '.bin');
  if (existsSync(installed)) return bin;
  mkdirSync(join(folder, '..'), { recursive: true });
  // Renamed when it is complete: another run may look for it just now.
  const fresh = mkdtempSync(`${folder}-`);
  const options = ['--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', ['install', '--prefix', fresh, ...options, ...packages], {
    stdio: 'ignore',
    timeout: 120_000,
  });
  if (status !== 0) return undefined;
  try {
    renameSync(fresh, folder);
  } catch {
    // The other run was faster; its folder is as good.
  }
  return existsSync(installed) ? bin : undefined;
}
