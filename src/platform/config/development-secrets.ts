/* eslint-disable n/no-sync -- start-up: nothing is served before the configuration is known */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

type Generators = Readonly<Record<string, (() => string) | undefined>>;

const keptSecrets = v.record(v.string(), v.pipe(v.string(), v.minLength(8)));

/**
 * Generates what is not given outside of production: a session secret and, in development, the app's own secrets. There a
 * file keeps them, so that a restart neither ends sessions nor changes a password.
 *
 * @param own - the app's own: for each variable, what generates its text.
 * @param file - where it cannot be written, each start generates new ones.
 */
export function generateSecrets(
  given: Readonly<Record<string, unknown>>,
  own: Generators,
  file: string,
): [key: string, secret: string][] {
  if (given.NODE_ENV === 'production') return [];
  const isDevelopment = given.NODE_ENV === 'development';
  const generators = { ...(isDevelopment && own), SESSION_SECRETS: () => randomBytes(48).toString('base64') };
  const missing = Object.entries<Generators[string]>(generators).filter(([key]) => given[key] === undefined);
  const secrets = Object.fromEntries(missing.map(([key, generate]) => [key, generate?.() ?? '']));
  const kept = isDevelopment && missing.length > 0 ? keep(secrets, file) : {};
  return Object.entries(secrets).map(([key, secret]) => [key, kept[key] ?? secret]);
}

/** What the file holds, after those of `secrets` that it lacks were added. */
function keep(secrets: Readonly<Record<string, string>>, file: string): Record<string, string> {
  const kept = read(file);
  if (Object.keys(secrets).every((key) => key in kept)) return kept;
  try {
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    writeFileSync(file, `${JSON.stringify({ ...secrets, ...kept })}\n`, { mode: 0o600, flag: 'wx' });
  } catch {
    // Another process has just written one, or this folder cannot be written.
  }
  return read(file);
}

function read(file: string): Record<string, string> {
  try {
    return v.parse(keptSecrets, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}
