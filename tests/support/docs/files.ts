import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What is installed, made or nobody's to document. */
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git']);

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      return entry.isDirectory() ? [`${path}/`, ...filesBelow(path)] : [path];
    });
}

/** Every file of the project, and every folder with a slash behind it. */
export const FILES: readonly string[] = filesBelow('');

export const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** The documents: README.md, docs/, the README of each folder, and what contributors read. */
export const DOCUMENTS = FILES.filter((file) =>
  /^docs\/.*\.md$|(?:^|\/)README\.md$|^(?:CONTRIBUTING|SECURITY)\.md$/.test(file),
);

/**
 * A path as a document or a comment writes it: with * for any characters of a name, with the hash of a file in public/,
 * and with dist/ and .js for what src/ and .ts become.
 */
function patternOf(path: string): RegExp {
  const source = path
    .replace(/^\/srv\/app\/current\//, '')
    .replace(/^dist\/(.*)\.js$/, 'src/$1.ts')
    .replace(/\.[0-9a-f]{10}(?=\.)/, '')
    .replace(/^(?:\.\/)+/, '');
  const escaped = source
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\\\.js$/, '\\.[jt]s')
    .replaceAll('*', '[^/]*');
  return new RegExp(`(?:^|/)${escaped}/?$`);
}

/** Whether the project has that file or folder: from its root, from the folder of the file that names it, or from any other. */
export function exists(path: string, namedIn: string): boolean {
  if (path.includes('..')) return existsSync(join(ROOT, dirname(namedIn), path));
  const pattern = patternOf(path);
  return FILES.some((file) => pattern.test(file));
}
