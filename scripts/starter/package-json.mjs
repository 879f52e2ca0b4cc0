import { existsSync, readFileSync, writeFileSync } from 'node:fs';

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
      if (old[name] === fresh[name] || own[name] === fresh[name]) continue;
      if (own[name] !== old[name])
        kept.push(`${section}.${name}: ${own[name] ?? 'removed'} (template: ${fresh[name] ?? 'removed'})`);
      else if (fresh[name] === undefined) delete result[name];
      else result[name] = fresh[name];
    }
    if (Object.keys(result).length > 0) merged[section] = SORTED.has(section) ? sorted(result) : result;
    else delete merged[section];
  }
  return { merged, kept };
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
