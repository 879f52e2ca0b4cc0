// package.json and package-lock.json: what an update merges into them, and what goes with a part.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual as same } from 'node:util';

/** The parts of package.json that the template maintains, name by name. */
const SECTIONS = ['engines', 'scripts', 'dependencies', 'devDependencies', 'overrides', 'allowScripts'];

const SORTED = new Set(['dependencies', 'devDependencies']);

/**
 * What the template changed between two versions, in a clone's package.json. What the clone itself changed stays.
 *
 * @returns the merged object, and the names where both changed.
 */
export function mergePackageJson(before, after, ours) {
  const merged = { ...ours };
  const kept = [];
  for (const section of SECTIONS) {
    const [old = {}, fresh = {}, own = {}] = [before, after, ours].map((one) => one[section]);
    const result = { ...own };
    for (const name of Object.keys({ ...old, ...fresh })) {
      if (same(old[name], fresh[name]) || same(own[name], fresh[name])) continue;
      if (!same(own[name], old[name]))
        kept.push(`${section}.${name}: ${shown(own[name])} (template: ${shown(fresh[name])})`);
      else if (fresh[name] === undefined) delete result[name];
      else result[name] = fresh[name];
    }
    if (Object.keys(result).length > 0) merged[section] = SORTED.has(section) ? sorted(result) : result;
    else delete merged[section];
  }
  return { merged, kept };
}

function shown(value = 'removed') {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sorted(entries) {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** undefined where there is no such file. */
export function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

export function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Without scripts and packages of these names. */
export function withoutEntries(description, { packages = [], scripts = [] }) {
  const result = structuredClone(description);
  for (const name of packages) {
    delete result.dependencies?.[name];
    delete result.devDependencies?.[name];
    delete result.overrides?.[name];
  }
  for (const name of scripts) delete result.scripts?.[name];
  if (Object.keys(result.overrides ?? {}).length === 0) delete result.overrides;
  return result;
}

/** The lock file for a changed package.json: without the packages that nothing needs any more. */
export function lockFor(lock, { name, version, dependencies, devDependencies }) {
  const root = { ...lock.packages[''], name, version, dependencies, devDependencies };
  const packages = { ...lock.packages, '': root };
  const needed = new Set();
  const follow = (path) => {
    if (path === undefined || needed.has(path)) return;
    needed.add(path);
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = packages[path];
    const names = Object.keys({
      ...dependencies,
      ...devDependencies,
      ...optionalDependencies,
      ...peerDependencies,
    });
    for (const one of names) follow(found(packages, path, one));
  };
  follow('');
  const entries = Object.entries(packages).filter(([path]) => needed.has(path));
  return { ...lock, name, packages: Object.fromEntries(entries) };
}

/** Where a package finds another: in its own node_modules, or in one above. */
function found(packages, from, name) {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')))) {
    const path = place === '' ? `node_modules/${name}` : `${place}/node_modules/${name}`;
    if (path in packages) return path;
    if (place === '') return undefined;
  }
}
