import { config as readDotenv } from 'dotenv';
import * as v from 'valibot';
import { readValueFile } from './fields.ts';
import { messageOf } from './schemas.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the environment and a `.env` file say, checked by each key's schema. Any key may come as `KEY_FILE` instead: the
 * path of a file that holds the value. An empty value counts as not set, and hides the one in `.env`.
 *
 * @returns the values that are right, and a line for each that is not, without the value: it may be a secret.
 */
export function readValues(
  fields: Readonly<Record<string, v.GenericSchema>>,
  env: Environment,
  dotenvFile: string,
) {
  const merged: Record<string, string> = {};
  for (const [key, value] of Object.entries(env)) if (value !== undefined) merged[key] = value;
  readDotenv({ path: dotenvFile, processEnv: merged, quiet: true });

  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(fields)) {
    const { success, output, issues } = v.safeParse(field, readValue(merged, key, problems), {
      message: messageOf,
    });
    if (success) values[key] = output;
    else problems.push(...issues.map(({ message }) => `${key} ${message}`));
  }
  return { values, problems };
}

function readValue(env: Environment, key: string, problems: string[]): string | undefined {
  const value = env[key] || undefined;
  const file = env[`${key}_FILE`] || undefined;
  if (!file) return value;
  if (value) problems.push(`${key} and ${key}_FILE are both set; keep one of them`);
  try {
    return readValueFile(file) || undefined;
  } catch (error) {
    problems.push(
      `${key}_FILE can't be read (${(error as NodeJS.ErrnoException).code ?? 'error'}): check the path`,
    );
    return undefined;
  }
}
