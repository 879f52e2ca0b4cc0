// Builds src/ into dist/.
//   --if-stale  only when dist/ is not what the sources make, and never on a host that has no sources: a release carries
//               dist/ ready made
//   --check     builds nothing: exits with 3 and a line that says what to do when there is no dist/
//
// tsc checks the types; what is written is the source itself with its types blanked out. Every line and column stays
// where it was, so a stack trace tells the place in src/ without source maps, which each start would read and parse.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** What a build depends on beside src/: the lock file has the compiler's version. */
const BUILD_FILES = [
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
  'scripts/strip-types.mjs',
];

const entry = 'dist/server.js';
/** The fingerprint of what dist/ was made from, and of what was made. */
const stamp = 'dist/.fingerprint';

if (process.argv.includes('--check')) check();
else if (!process.argv.includes('--if-stale') || isStale()) await build();

/** Exit code 3 is what `ctl` gives where nothing runs. */
function check() {
  if (existsSync(entry)) return;
  console.error('Nothing is built yet, so nothing runs. Start the app with: npm start');
  process.exit(3);
}

/** Compares contents: an unpacked archive, rsync and a checkout by date give newer sources older times. */
function isStale() {
  if (!existsSync('src')) return false;
  if (!existsSync(entry)) return true;
  return !existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint();
}

async function build() {
  const compiler = findCompiler();
  if (!compiler) {
    console.error(
      'Cannot build dist/ from src/: TypeScript is not installed. Run: npm ci (with devDependencies)',
    );
    process.exit(1);
  }
  // On stderr, because stdout is for what the command behind a build prints.
  console.error(existsSync(entry) ? 'building' : 'building (first start)');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
  rmSync('dist', { recursive: true, force: true });
  await write();
}

function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    return undefined;
  }
}

async function write() {
  const { stripTypes } = await import('./strip-types.mjs');
  for (const file of modules()) {
    mkdirSync(dirname(built(file)), { recursive: true });
    writeFileSync(built(file), stripTypes(readFileSync(file, 'utf8'), file));
  }
  // Last: a half-written dist must not look fresh to the next start.
  writeFileSync(stamp, fingerprint());
}

function modules() {
  return sources().filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
}

/** Every file of src/. */
function sources() {
  return readdirSync('src', { recursive: true, withFileTypes: true })
    .filter((file) => !file.isDirectory())
    .map((file) => join(file.parentPath, file.name));
}

/** Where a source file's module goes. */
function built(file) {
  return join('dist', file.slice('src/'.length)).replace(/ts$/, 'js');
}

/** One hash over the names and contents of all that goes into a build and comes out of it. */
function fingerprint() {
  const files = [...sources(), ...BUILD_FILES, ...modules().map(built)].sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0${existsSync(file) ? hashOf(file) : 'missing'}\n`);
  return hash.digest('hex');
}

function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
