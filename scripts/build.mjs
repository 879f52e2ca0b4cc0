// Builds src/ into dist/. With --if-stale: only when dist/ is missing or older than what it is made of, and not
// at all on a host that has no TypeScript (a release carries dist/ ready made).
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const entry = 'dist/server.js';
const ifStale = process.argv.includes('--if-stale');
const compiler = findCompiler();

if (ifStale && (isFresh() || (existsSync(entry) && !compiler))) process.exit(0);
if (!compiler) {
  console.error('Cannot build: TypeScript is not installed. Run: npm ci (with devDependencies)');
  process.exit(1);
}
rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status === 0) utimesSync(entry, new Date(), new Date());
// A half-written dist must not look fresh to the next start.
else rmSync(entry, { force: true });
process.exit(status ?? 1);

function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    return undefined;
  }
}

function isFresh() {
  if (!existsSync(entry)) return false;
  if (!existsSync('src')) return true;
  const sources = readdirSync('src', { recursive: true, withFileTypes: true }).map(
    (file) => `${file.parentPath}/${file.name}`,
  );
  const built = statSync(entry).mtimeMs;
  return [...sources, 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
    .filter((file) => existsSync(file))
    .every((file) => statSync(file).mtimeMs <= built);
}
