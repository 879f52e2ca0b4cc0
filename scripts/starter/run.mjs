import { spawnSync } from 'node:child_process';

/** A mistake or a state that the caller can mend: its message says how. */
export class UpdateError extends Error {}

/** Runs a command to its end, whatever that is. */
export function run(command, args, options = {}) {
  return spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...options });
}

/** What git prints. @throws {UpdateError} with git's own words. */
export function git(...args) {
  return gitWith({}, ...args);
}

export function gitWith(env, ...args) {
  const { status, stdout, stderr, error } = run('git', args, { env: { ...process.env, ...env } });
  if (error) throw new UpdateError(`git cannot be run: ${error.message}`);
  if (status !== 0) throw new UpdateError(`git ${args.join(' ')}: ${stderr.trim()}`);
  return stdout.trimEnd();
}
