// package.json and package-lock.json without some scripts and packages.

/** Without scripts and packages of these names. */
export function withoutEntries(description, { packages = [], scripts = [] }) {
  const result = structuredClone(description);
  for (const name of packages) {
    delete result.dependencies?.[name];
    delete result.devDependencies?.[name];
  }
  for (const name of scripts) delete result.scripts?.[name];
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
