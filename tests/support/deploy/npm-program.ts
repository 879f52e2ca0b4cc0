import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeUnless } from './tools.ts';

/**
 * `describe` for suites that run a program from npm that is no dependency of the project: by its licence (PM2 is AGPL), or
 * because nothing but its suite needs it. It is installed once, into a folder for temporary files.
 *
 * @param spec - name and exact version.
 * @param suite - gets the folder with its commands.
 */
export function describeWithNpm(spec: string, name: string, suite: (bin: string) => void): void {
  const bin = install(spec);
  const missing = bin === undefined ? `"npm install ${spec}" failed. It needs the network once.` : undefined;
  describeUnless(missing, name, () => {
    suite(bin ?? '');
  });
}

function install(spec: string): string | undefined {
  const folder = join(tmpdir(), 'npm-programs', spec.replaceAll('/', '-'));
  const bin = join(folder, 'node_modules', '.bin');
  if (existsSync(bin)) return bin;
  mkdirSync(join(folder, '..'), { recursive: true });
  // Renamed when it is complete: another run may look for it just now.
  const fresh = mkdtempSync(`${folder}-`);
  const options = ['--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', ['install', '--prefix', fresh, ...options, spec], {
    stdio: 'ignore',
    timeout: 120_000,
  });
  if (status !== 0) return undefined;
  try {
    renameSync(fresh, folder);
  } catch {
    // The other run was faster; its folder is as good.
  }
  return existsSync(bin) ? bin : undefined;
}
