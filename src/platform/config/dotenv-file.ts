import { lstatSync } from 'node:fs';
import { parse } from 'dotenv';
import { isRegularFile, readTextFile } from './read-text.ts';

/** What a `.env` file says. */
export interface DotenvFile {
  readonly path: string;
  /** Whether there is one. */
  readonly found: boolean;
  readonly values: Readonly<Record<string, string>>;
  /** Why it can't be read: then its values are unknown, and nothing may start without them. */
  readonly problem?: string;
}

/**
 * Reads a `.env` file. Only one that does not exist counts as none: what somebody wrote there and can't be read may be what
 * makes this a production system.
 */
export function readDotenvFile(path: string): DotenvFile {
  const without = (problem: string) => ({ path, found: true, values: {}, problem: `${path} ${problem}` });
  try {
    if (!isRegularFile(path)) return without('is not a regular file: put a file in its place, or remove it');
    return { path, found: true, values: parse(readTextFile(path)) };
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isLink(path)) return { path, found: false, values: {} };
    return without(explain(code));
  }
}

function explain(code: string): string {
  switch (code) {
    case 'ENOENT':
      return 'is a link to a file that does not exist: create that file, or remove the link';
    case 'ENOTEXT':
      return 'is not UTF-8 text: save it as UTF-8 (not as UTF-16, which Windows calls Unicode)';
    case 'EACCES':
      return "can't be read by this user (EACCES): give its group read access (chgrp, chmod 640), or remove it";
    default:
      return `can't be read (${code}): put a readable file in its place, or remove it`;
  }
}

function isLink(path: string): boolean {
  // eslint-disable-next-line n/no-sync -- start-up: nothing is served before the configuration is known
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
