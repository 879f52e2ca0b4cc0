import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import type { PlatformValues } from './settings.ts';

/** What is generated where nobody sets it. */
export interface GeneratedValues {
  readonly sessionSecret: string;
  /** The app's own settings of that kind, in development only; with the value that was given where there is one. */
  readonly own: Readonly<Record<string, string>>;
}

type Generators = Readonly<Record<string, (() => string) | undefined>>;

const schema = v.record(v.string(), v.pipe(v.string(), v.minLength(8)));

/**
 * Generates a session secret and, in development, the app's own settings that are declared so. In development a file keeps
 * them, so that a restart neither ends sessions nor changes a password.
 *
 * @param file - that file; where it cannot be written, each start has new values.
 */
export function generatedValues(
  values: Pick<PlatformValues, 'NODE_ENV' | 'SESSION_SECRETS'> & Readonly<Record<string, unknown>>,
  own: Generators,
  file: string,
): GeneratedValues {
  const generators: Generators = { ...own, SESSION_SECRETS: () => randomBytes(48).toString('base64') };
  const isDevelopment = values.NODE_ENV === 'development';
  const isComplete = Object.keys(generators).every((key) => values[key] !== undefined);
  const generated = isDevelopment && !isComplete ? keptValues(file, generators) : newValues(generators);
  const { SESSION_SECRETS: sessionSecret = '', ...rest } = generated;
  const used = Object.entries(rest).map(([key, value]) => [
    key,
    (values[key] as string | undefined) ?? value,
  ]);
  return { sessionSecret, own: isDevelopment ? (Object.fromEntries(used) as Record<string, string>) : {} };
}

function newValues(generators: Generators): Record<string, string> {
  return Object.fromEntries(Object.entries(generators).map(([key, generate]) => [key, generate?.() ?? '']));
}

/** Where there is no such file yet, or it lacks one, makes one that only this user can read. */
function keptValues(file: string, generators: Generators): Record<string, string> {
  const kept = read(file);
  const isWhole = kept && Object.keys(generators).every((key) => key in kept);
  return isWhole ? kept : keep(file, { ...newValues(generators), ...kept });
}

function read(file: string): Record<string, string> | undefined {
  try {
    // eslint-disable-next-line n/no-sync -- start-up: nothing is served before the configuration is known
    return v.parse(schema, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/* eslint-disable n/no-sync -- as above */
function keep(file: string, values: Record<string, string>): Record<string, string> {
  try {
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    writeFileSync(file, `${JSON.stringify(values)}\n`, { mode: 0o600, flag: 'wx' });
    return values;
  } catch {
    // Another process has just made one, or this folder can't be written.
    return read(file) ?? values;
  }
}
