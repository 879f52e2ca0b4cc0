import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { readDotenvFile, type DotenvFile } from './dotenv-file.ts';
import { nearestName } from './near-names.ts';
import { readValueFile } from './read-text.ts';
import { messageOf } from './schemas.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

type Fields = Readonly<Record<string, v.GenericSchema>>;

/** What the environment and a `.env` file say. */
export interface GivenValues {
  /** The values that are right. */
  readonly values: Record<string, unknown>;
  /** A line for each that is not, without the value: it may be a secret. */
  readonly problems: string[];
  readonly dotenv: DotenvFile;
  /** The files that values were read from, beside `.env`. */
  readonly files: string[];
}

/**
 * What the environment and a `.env` file say, checked by each key's schema. Any key may come as `KEY_FILE` instead: the
 * path of a file that holds the value; a relative one in `.env` starts at that file's folder. An empty value counts as not
 * set, and hides the one in `.env`.
 */
export function readValues(fields: Fields, env: Environment, dotenvFile: string): GivenValues {
  const dotenv = readDotenvFile(dotenvFile);
  const merged: Environment = { ...withPaths(dotenv, fields), ...withoutUndefined(env) };
  const problems: string[] = dotenv.problem === undefined ? [] : [dotenv.problem];
  const values: Record<string, unknown> = {};
  const files: string[] = [];
  for (const [key, field] of Object.entries(fields)) {
    const { success, output, issues } = v.safeParse(field, readValue(merged, key, { problems, files }), {
      message: messageOf,
    });
    if (success) values[key] = output;
    else problems.push(...issues.map(({ message }) => `${key} ${message}`));
  }
  return { values, problems, dotenv, files };
}

/** A line for each name in `.env` that nobody reads and that looks like one of ours. */
export function misspeltNames({ path, values }: DotenvFile, keys: readonly string[]): string[] {
  const known = keys.flatMap((key) => [key, `${key}_FILE`]);
  return Object.keys(values)
    .filter((name) => !known.includes(name))
    .flatMap((name) => {
      const nearest = nearestName(name, known);
      return nearest === undefined ? [] : [`${name} in ${path} is not read: is ${nearest} meant?`];
    });
}

function withPaths({ path, values }: DotenvFile, fields: Fields): Environment {
  const isPath = (name: string) => name.endsWith('_FILE') && name.slice(0, -'_FILE'.length) in fields;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      isPath(name) && value !== '' ? resolve(dirname(path), value) : value,
    ]),
  );
}

function withoutUndefined(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}

function readValue(
  env: Environment,
  key: string,
  { problems, files }: Pick<GivenValues, 'problems' | 'files'>,
): string | undefined {
  const value = env[key] || undefined;
  const file = env[`${key}_FILE`] || undefined;
  if (!file) return value;
  if (value) problems.push(`${key} and ${key}_FILE are both set; keep one of them`);
  files.push(file);
  try {
    return readValueFile(file) || undefined;
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    const how = code === 'ENOTEXT' ? 'is not UTF-8 text' : `can't be read (${code}): check the path`;
    problems.push(`${key}_FILE ${how}`);
    return undefined;
  }
}
