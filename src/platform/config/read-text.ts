import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/**
 * The text of a file in UTF-8. Reading comes to an end: a pipe that nobody writes to is refused, at most a device is read.
 *
 * @throws {Error} whose `code` says why there is none: the system's (ENOENT, EACCES, EISDIR …), `ENOTFILE` for what is no
 *   file and no character device, or `ENOTEXT` for bytes that are no UTF-8 text: UTF-16, as Windows' editors write it, or
 *   anything with NUL in it.
 */
export function readTextFile(path: string): string {
  const bytes = readBytes(path);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Below.
  }
  throw Object.assign(new Error('not UTF-8 text'), { code: 'ENOTEXT' });
}

/* eslint-disable n/no-sync -- start-up: nothing is served before the configuration is known */
function readBytes(path: string): Buffer {
  // A pipe is opened without a writer, so that it can be looked at: what is at the path may change in between.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (stats.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
    if (!stats.isFile() && !stats.isCharacterDevice())
      throw Object.assign(new Error('not a file'), { code: 'ENOTFILE' });
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
/* eslint-enable n/no-sync */
