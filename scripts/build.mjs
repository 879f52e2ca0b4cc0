// Builds src/ into dist/ with tsc, and copies the operations page beside it.
//   --if-stale  only when dist/ is not what the sources make, and never on a host that has no sources: a release carries
//               dist/ ready made
//   --check     builds nothing: exits with 3 and a line that explains what to do when there is no dist/
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** What a build depends on beside src/: the lock file has the compiler's version. */
const BUILD_FILES = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];

/** What browsers get as it is, with the charts' library beside it. */
const PAGE = 'platform/operations/page';
const CHARTS = ['uPlot.iife.min.js', 'uPlot.min.css'];

const entry = 'dist/server.js';
/** In dist/: the fingerprint of what it was made from, and of what was made. */
const stamp = '.fingerprint';
/** Built beside it and then renamed: an error leaves the old dist/ in place, and no start finds half of a new one. */
const output = `dist.${process.pid}`;

if (process.argv.includes('--check')) check();
else if (!process.argv.includes('--if-stale') || isStale()) build();

/** Exit code 3 is what `ctl` gives where nothing runs. */
function check() {
  if (existsSync(entry)) return;
  console.error('Nothing is built yet, so nothing runs. Start the app with: npm start');
  process.exit(3);
}

/** Compares contents: an unpacked archive, rsync and a checkout by date give newer sources older times. */
function isStale() {
  if (!existsSync('src')) return false;
  if (!existsSync(entry) || !existsSync(join('dist', stamp))) return true;
  return readFileSync(join('dist', stamp), 'utf8') !== fingerprint('dist');
}

function build() {
  const compiler = findCompiler();
  if (!compiler) {
    console.error(
      'Cannot build dist/ from src/: TypeScript is not installed. Run: npm ci (with devDependencies)',
    );
    process.exit(1);
  }
  // On stderr, because stdout is for what the command behind a build prints.
  console.error(existsSync(entry) ? 'building' : 'building (first start)');
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', output];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status === 0) {
    copyPage();
    writeFileSync(join(output, stamp), fingerprint(output));
    rmSync('dist', { recursive: true, force: true });
    renameSync(output, 'dist');
  } else rmSync(output, { recursive: true, force: true });
  process.exitCode = status ?? 1;
}

/** The declarations in it are for tests. */
function copyPage() {
  if (!existsSync(join('src', PAGE))) return;
  const filter = (source) => !source.endsWith('.d.ts');
  cpSync(join('src', PAGE), join(output, PAGE), { recursive: true, filter });
  for (const file of CHARTS) cpSync(join('node_modules/uplot/dist', file), join(output, PAGE, file));
}

function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    return undefined;
  }
}

/** One hash over the names and contents of all that goes into a build and comes out of it. */
function fingerprint(built) {
  const hash = createHash('sha256');
  for (const file of [...filesIn('src'), ...BUILD_FILES]) hash.update(`${file}\0${hashOf(file)}\n`);
  for (const file of filesIn(built).filter((name) => name.endsWith('.js')))
    hash.update(`${file.slice(built.length)}\0${hashOf(file)}\n`);
  return hash.digest('hex');
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => !file.isDirectory())
    .map((file) => join(file.parentPath, file.name))
    .sort();
}

function hashOf(file) {
  return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'missing';
}
