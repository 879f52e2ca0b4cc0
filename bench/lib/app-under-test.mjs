import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = new URL('..', import.meta.url).href;

/** The line of src/features/index.ts that shows where a feature of one's own goes. */
const ADD_YOURS_HERE = /^\s*\/\/ (?<line>\w+\.use\('\/api\/orders', orders\(toolkit\)\);)/m;

/**
 * Copies the built application and adds the benchmark's routes to it, as one does who adds a feature: a folder, and
 * a line in the table of contents. Everything else is what runs in production, entries included.
 *
 * @param directory - where the copy goes.
 */
export async function installApp(directory) {
  await cp(join(ROOT, 'dist'), join(directory, 'dist'), { recursive: true });
  for (const name of ['public', 'data', 'package.json']) {
    await cp(join(ROOT, name), join(directory, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  await addFeature(join(directory, 'dist/features'));
  return directory;
}

async function addFeature(features) {
  await mkdir(join(features, 'bench'));
  const servers = join(ROOT, 'bench/servers');
  const files = (await readdir(servers)).filter((file) => file.startsWith('feature'));
  for (const file of files) {
    const source = await readFile(join(servers, file), 'utf8');
    await writeFile(join(features, 'bench', file), source.replaceAll('BENCH/', HERE));
  }
  const contents = await readFile(join(features, 'index.js'), 'utf8');
  const { line } = ADD_YOURS_HERE.exec(contents)?.groups ?? {};
  if (!line) throw new Error('src/features/index.ts does not say where to add a feature');
  const mounted = contents.replace(
    ADD_YOURS_HERE,
    line.replace('/api/orders', '/bench').replace('orders', 'bench'),
  );
  await writeFile(join(features, 'index.js'), `import { bench } from './bench/feature.mjs';\n${mounted}`);
}
