// The files of a project's folder, and how the manifest writes about them.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** What is installed or made, and git's own. */
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git', '.env']);

/** All files below a folder, by their paths from there. */
export function filesIn(folder, below = folder) {
  return readdirSync(below, { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const path = join(below, entry.name);
      if (entry.isDirectory()) return filesIn(folder, path);
      return entry.isFile() ? [relative(folder, path).split(sep).join('/')] : [];
    })
    .sort();
}

/** The files that a pattern of the manifest means: a folder with a slash behind it, or a file, with * for any characters of a name. */
export function matching(files, pattern) {
  const source = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
  const whole = new RegExp(pattern.endsWith('/') ? `^${source}` : `^${source}$`);
  return files.filter((file) => whole.test(file));
}

/** A file's text; undefined for one that is not there, or has no text. */
export function readText(path) {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  return bytes.includes(0) ? undefined : bytes.toString('utf8');
}

/** Removes a file, and the folders that are empty then. */
export function removeFile(folder, file) {
  rmSync(join(folder, file), { force: true });
  for (let parent = dirname(file); parent !== '.'; parent = dirname(parent)) {
    if (!existsSync(join(folder, parent))) continue;
    if (readdirSync(join(folder, parent)).length > 0) return;
    rmdirSync(join(folder, parent));
  }
}
