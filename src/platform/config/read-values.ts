/* eslint-disable n/no-sync -- start-up: nothing is served before the configuration is known */
import { lstatSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'dotenv';
import * as v from 'valibot';
import { nearestName } from './near-names.ts';
import { readTextFile } from './read-text.ts';
import { messageOf } from './schemas.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a value comes from: `file` is a file of its own. */
export type ValueSource = 'environment' | '.env' | 'file';

type Fields = Readonly<Record<string, v.GenericSchema>>;

/** What has to be done about a `.env` that exists and cannot be read. */
const FIXES: Readonly<Record<string, string>> = {
  ENOENT: 'is a link to a file that does not exist: create that file, or remove the link',
  ENOTEXT: 'is not UTF-8 text: save it as UTF-8 (not as UTF-16, which Windows calls Unicode)',
  EACCES: "can't be read by this user (EACCES): give its group read access (chgrp, chmod 640), or remove it",
};

/**
 * Reads a `.env` file. Only one that does not exist counts as none: what stands in a file that cannot be read may be what
 * makes this a production system. That is a problem.
 */
export function readDotenvFile(path: string): {
  found: boolean;
  values: Record<string, string>;
  problem?: string;
} {
  const unreadable = (fix: string) => ({ found: true, values: {}, problem: `${path} ${fix}` });
  try {
    if (statSync(path).isFile()) return { found: true, values: parse(readTextFile(path)) };
    return unreadable('is not a regular file: put a file in its place, or remove it');
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    const isLink = code === 'ENOENT' && lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    if (code === 'ENOENT' && !isLink) return { found: false, values: {} };
    return unreadable(
      FIXES[code] ?? `can't be read (${code}): put a readable file in its place, or remove it`,
    );
  }
}

/**
 * Reads the environment and a `.env` file, and checks each value by its key's schema. Any key may come as `KEY_FILE`
 * instead: the path of a file that holds the value; a relative one in `.env` starts at that file's folder. An empty value
 * counts as not set, and hides the one in `.env`.
 *
 * @returns the valid values, where each comes from, a line for each problem (never with a value, which may be a secret), a warning for each name
 *   in `.env` that is nearly one of the keys, and the files that were read.
 */
export function readValues(fields: Fields, env: Environment, dotenvFile: string) {
  const dotenv = readDotenvFile(dotenvFile);
  const problems: string[] = dotenv.problem === undefined ? [] : [dotenv.problem];
  const files: string[] = [];
  const values: Record<string, unknown> = {};
  const sources: Record<string, ValueSource> = {};

  const readText = (key: string) => {
    const value = (env[key] ?? dotenv.values[key]) || undefined;
    const path = dotenv.values[`${key}_FILE`];
    const file = env[`${key}_FILE`] ?? (path && resolve(dirname(dotenvFile), path));
    if (value) sources[key] = env[key] ? 'environment' : '.env';
    if (!file) return value;
    sources[key] = 'file';
    if (value) problems.push(`${key} and ${key}_FILE are both set; keep one of them`);
    files.push(file);
    try {
      // Editors add a newline to the end of a file.
      return readTextFile(file).replace(/\r?\n$/, '') || undefined;
    } catch (error) {
      const { code = 'error' } = error as NodeJS.ErrnoException;
      const fix = code === 'ENOTEXT' ? 'is not UTF-8 text' : `can't be read (${code}): check the path`;
      problems.push(`${key}_FILE ${fix}`);
      return undefined;
    }
  };

  for (const [key, field] of Object.entries(fields)) {
    const { success, output, issues } = v.safeParse(field, readText(key), { message: messageOf });
    if (success) values[key] = output;
    else problems.push(...issues.map(({ message }) => `${key} ${message}`));
  }
  if (dotenv.found) files.push(dotenvFile);
  const known = Object.keys(fields).flatMap((key) => [key, `${key}_FILE`]);
  const unread = Object.keys(dotenv.values).filter((name) => !known.includes(name));
  const warnings = unread.flatMap((name) => {
    const nearest = nearestName(name, known);
    return nearest === undefined ? [] : [`${name} in ${dotenvFile} is not read: is ${nearest} meant?`];
  });
  return { values, problems, warnings, dotenv: { path: dotenvFile, found: dotenv.found }, files, sources };
}
