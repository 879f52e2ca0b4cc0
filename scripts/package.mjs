// Makes a release: one tarball that runs on a host with Node alone. See docs/releases.md.
//   npm run package -- [--version V] [--out FOLDER]
// V: default package.json's version. FOLDER: default the project's. The tarball's path is the last line on stdout.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What a host needs beside node_modules; of a target that was deleted there is nothing to take. */
const CONTENTS = [
  'dist',
  'public',
  'data',
  'deploy',
  'scripts',
  'ecosystem.config.js',
  '.env.example',
  'LICENSE',
];

const { values } = parseArgs({
  options: { version: { type: 'string' }, out: { type: 'string', default: '.' } },
});
const out = resolve(process.env.INIT_CWD ?? '.', values.out);
process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const description = JSON.parse(readFileSync('package.json', 'utf8'));
const version = values.version ?? description.version;
if (!/^\w[\w.+-]{0,63}$/.test(version)) {
  fail(`"${version}" is no version: letters, digits and . + - _ only, because a folder is named after it`);
}

const staging = mkdtempSync(join(tmpdir(), 'package-'));
try {
  const root = join(staging, version);
  run(process.execPath, ['scripts/build.mjs', '--if-stale']);
  copyContents(root);
  install(root);
  const commit = commitOf();
  writeManifest(root, commit);
  mkdirSync(out, { recursive: true });
  const tarball = join(out, `${description.name}-${version}.tgz`);
  pack(tarball, commit?.seconds);
  console.log(tarball);
} finally {
  rmSync(staging, { recursive: true, force: true });
}

function copyContents(root) {
  mkdirSync(root);
  // A .env is this machine's, not the release's, and so are secrets beside the files in deploy/.
  const filter = (source) =>
    basename(source) !== '.env' && !/[\\/](?:overlays[\\/]\w+|swarm)[\\/]secrets$/.test(source);
  for (const name of CONTENTS.filter((one) => existsSync(one))) {
    cpSync(name, join(root, name), { recursive: true, filter });
  }
}

/**
 * Installs what the lock file lists, its checksums verified; no package's install script runs. Both files go with the
 * release, without what is for development, so that they list what is in it.
 */
function install(root) {
  writeJson(join(root, 'package.json'), { ...description, version, devDependencies: undefined });
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const packages = Object.fromEntries(Object.entries(lock.packages).filter(isForProduction));
  packages[''] = { ...packages[''], version, devDependencies: undefined };
  writeJson(join(root, 'package-lock.json'), { ...lock, version, packages });
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['ci', ...quiet], { cwd: root });
}

/**
 * What package.json lists for development stays out, also where a package that runs could use it: TypeScript, which
 * valibot has types for.
 */
function isForProduction([path, { dev, devOptional }]) {
  return !dev && !(devOptional && path.slice('node_modules/'.length) in description.devDependencies);
}

function writeManifest(root, commit) {
  const { name, engines } = description;
  writeJson(join(root, 'manifest.json'), { name, version, commit: commit?.id ?? null, node: engines.node });
  const sums = filesIn(root).map((file) => `${sha256(join(root, file))}  ${file}\n`);
  writeFileSync(join(root, 'SHA256SUMS'), sums.join(''));
}

/** Every file; not the links in node_modules/.bin. */
function filesIn(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** The same sources give the same bytes, where tar is GNU's: files are sorted, and as old as the commit. */
function pack(tarball, seconds = Math.floor(Date.now() / 1000)) {
  const isGnu = String(spawnSync('tar', ['--version']).stdout).includes('GNU tar');
  const reproducible = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${seconds}`];
  const options = isGnu ? [...reproducible, '--mode=u=rwX,go=rX'] : [];
  run('tar', [...options, '-czf', tarball, '-C', staging, version]);
}

/** Of a checkout without changes: no commit stands for any other. */
function commitOf() {
  const changes = spawnSync('git', ['status', '--porcelain'], { encoding: 'utf8' });
  if (changes.status !== 0 || changes.stdout !== '') return undefined;
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%H %ct'], { encoding: 'utf8' });
  const [id, seconds] = stdout.trim().split(' ');
  return { id, seconds: Number(seconds) };
}

function writeJson(file, content) {
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The commands' output goes to stderr: stdout is for the tarball's path. */
function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${error?.code ?? status})`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
