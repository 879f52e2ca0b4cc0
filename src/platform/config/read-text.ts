import { readFileSync, statSync } from 'node:fs';

/**
 * The text of a file in UTF-8.
 *
 * @throws {Error} whose `code` says why there is none: the system's (ENOENT, EACCES, EISDIR …), or `ENOTEXT` for bytes that
 *   are no UTF-8 text: UTF-16, as Windows' editors write it, or anything with NUL in it.
 */
export function readTextFile(path: string): string {
  // eslint-disable-next-line n/no-sync -- start-up: nothing is served before the configuration is known
  const bytes = readFileSync(path);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Below.
  }
  throw Object.assign(new Error('not UTF-8 text'), { code: 'ENOTEXT' });
}

/** The text of a file that holds one value; a newline at its end, which every editor adds, is not part of it. */
export function readValueFile(path: string): string {
  return readTextFile(path).replace(/\r?\n$/, '');
}

/** Whether reading comes to an end: a pipe that nobody writes to would hold up the start forever. */
export function isRegularFile(path: string): boolean {
  // eslint-disable-next-line n/no-sync -- as above
  return statSync(path).isFile();
}
