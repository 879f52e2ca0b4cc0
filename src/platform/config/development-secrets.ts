import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

const schema = v.object({
  sessionSecret: v.pipe(v.string(), v.minLength(32)),
  demoPassword: v.pipe(v.string(), v.minLength(8)),
});

/** What is generated for development, where nobody sets it. */
export type DevelopmentSecrets = v.InferOutput<typeof schema>;

/** New ones, of this process alone. */
export function newSecrets(): DevelopmentSecrets {
  return {
    sessionSecret: randomBytes(48).toString('base64'),
    demoPassword: randomBytes(12).toString('base64url'),
  };
}

/**
 * The secrets that a file keeps, so that a restart during development neither ends sessions nor changes the password. Where
 * there is no such file yet, makes one that only this user can read; where none can be written, they are new ones.
 */
export function keptSecrets(file: string): DevelopmentSecrets {
  return read(file) ?? keep(file, newSecrets());
}

function read(file: string): DevelopmentSecrets | undefined {
  try {
    // eslint-disable-next-line n/no-sync -- start-up: nothing is served before the configuration is known
    return v.parse(schema, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/* eslint-disable n/no-sync -- as above */
function keep(file: string, secrets: DevelopmentSecrets): DevelopmentSecrets {
  try {
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    writeFileSync(file, `${JSON.stringify(secrets)}\n`, { mode: 0o600, flag: 'wx' });
    return secrets;
  } catch {
    // Another process has just made one, or this folder can't be written.
    return read(file) ?? secrets;
  }
}
