import { spawnSync } from 'node:child_process';

/** What the person who called this can fix: its message says how, and is printed without a stack. Exit code 2. */
export class Refusal extends Error {}

/** Runs a command to its end, whatever that is. */
export function run(command, args, options = {}) {
  return spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...options });
}

/** What git prints. @throws {Refusal} with git's own words. */
export function git(...args) {
  return gitWith({}, ...args);
}

export function gitWith(env, ...args) {
  const { status, stdout, stderr, error } = run('git', args, { env: { ...process.env, ...env } });
  if (error) throw new Refusal(`git cannot be run: ${error.message}`);
  if (status !== 0) throw new Refusal(`git ${args.join(' ')}: ${stderr.trim()}`);
  return stdout.trimEnd();
}
