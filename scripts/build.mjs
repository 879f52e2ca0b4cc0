// Builds src/ into dist/. With --if-stale: only when dist/ is missing or older than what it is made of, and not
// at all on a host that has no TypeScript (a release carries dist/ ready made).
//
// tsc checks the types; what is written is the source itself with its types blanked out. Every line and column stays
// where it was, so a stack trace tells the place in src/ without source maps, which each start would read and parse.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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
if (status !== 0) process.exit(status ?? 1);
await write();

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
  const built = statSync(entry).mtimeMs;
  const config = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  return [...sources(), ...config, 'scripts/build.mjs', 'scripts/strip-types.mjs']
    .filter((file) => existsSync(file))
    .every((file) => statSync(file).mtimeMs <= built);
}

/** Every file and folder of src/. */
function sources() {
  return readdirSync('src', { recursive: true }).map((name) => join('src', name));
}

async function write() {
  const { stripTypes } = await import('./strip-types.mjs');
  const modules = sources().filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
  // The entry comes last: a half-written dist must not look fresh to the next start.
  const isEntry = (file) => Number(built(file) === join(entry));
  for (const file of modules.sort((a, b) => isEntry(a) - isEntry(b))) {
    mkdirSync(dirname(built(file)), { recursive: true });
    writeFileSync(built(file), stripTypes(readFileSync(file, 'utf8'), file));
  }
}

/** Where a source file's module goes. */
function built(file) {
  return join('dist', file.slice('src/'.length)).replace(/ts$/, 'js');
}
