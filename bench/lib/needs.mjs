import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { machine } from './machine.mjs';
import { Refusal } from './refusal.mjs';

/** What must be on the PATH, by the Debian package that has it; of several programs one. */
const PROGRAMS = {
  'redis-server': ['redis-server', 'valkey-server'],
  nginx: ['nginx'],
  'util-linux': ['taskset'],
};

/**
 * Looks whether a run can come to its end, before it begins.
 *
 * @param packages - which of the programs it needs.
 * @throws {Refusal} that says what to install.
 */
export function assertCanRun(packages) {
  if (!countsCpuTime())
    throw new Refusal('CPU time is read from /proc/PID/task/*/schedstat: run it on a Linux that has it');
  const missing = [...packages, 'util-linux'].filter((name) => !findProgram(name));
  if (missing.length > 0) {
    // Users other than root often lack /usr/sbin, where Debian has nginx.
    const path = missing.includes('nginx') ? ', with /usr/sbin on the PATH' : '';
    throw new Refusal(
      `needs ${missing.join(' and ')}: apt-get install ${missing.join(' ')}${path}. --help says what goes without, with --only`,
    );
  }
  assertNodeRuns();
}

/** What a process has open beside its connections, and to spare. */
const OTHER_FILES = 500;

/** @throws {Refusal} when no process may have as many connections open. Node itself goes up to the hard limit. */
export function assertCanOpen(connections) {
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1];
  if (limit === 'unlimited' || connections + OTHER_FILES <= Number(limit)) return;
  throw new Refusal(
    `needs ${connections + OTHER_FILES} open files per process, and the limit is ${limit}: raise it (ulimit -Hn), or use --quick`,
  );
}

function countsCpuTime() {
  try {
    return !readFileSync('/proc/self/schedstat', 'utf8').startsWith('0 ');
  } catch {
    return false;
  }
}

/** The program's path; undefined where it is not installed. */
export function findProgram(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return PROGRAMS[name].flatMap((file) => folders.map((folder) => join(folder, file))).find(isProgram);
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function assertNodeRuns() {
  try {
    machine();
  } catch (error) {
    throw new Refusal(`NODE_BINARY must be the path of a node: "${process.env.NODE_BINARY}" is none`, {
      cause: error,
    });
  }
}
