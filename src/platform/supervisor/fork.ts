import cluster, { type Worker } from 'node:cluster';
import { statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ProcessManagerEnv } from '../config/process-manager-env.ts';

/** Where new workers come from. */
export interface Release {
  /** The worker's entry. */
  readonly exec: string;
  readonly cwd: string;
}

/**
 * Finds the code to run, by the path the primary was started with, symlinks unresolved: when `current` points to a new
 * release, the next worker runs that.
 *
 * Node and the system have resolved what they could by now. The working directory's own name is in PWD, if a shell
 * started us; under systemd it is told by the entry's path.
 *
 * @param entry - the primary's own file as it was named on the command line (`process.argv[1]`).
 */
export function findRelease(entry: string, cwd: string, pwd: string | undefined): Release {
  const named = pwd !== undefined && isSameFolder(pwd, cwd) ? pwd : cwd;
  const below = relative(cwd, entry);
  const path = below.startsWith('..') ? entry : join(named, below);
  const root = dirname(dirname(path));
  return { exec: join(dirname(path), 'server.js'), cwd: isSameFolder(root, cwd) ? root : named };
}

/** Forks a worker for a slot; `extra` is added to the environment, undefined takes a variable away. */
export type Fork = (slot: number, extra: Record<string, string | undefined>) => Worker;

/**
 * @param release - is asked before each fork.
 * @param env - what every worker gets beside the primary's own environment.
 */
export function createFork(
  release: Release,
  managerEnv: ProcessManagerEnv,
  env: Record<string, string | undefined>,
): Fork {
  // The workers accept connections themselves. With round robin the primary accepts them: it would lose the one that is
  // on its way to a worker that hangs or is killed, and those it holds when the last worker stops (shown by
  // tests/platform/cluster/failures.test.ts and systemd.test.ts).
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const execArgv = [...new Set([...process.execArgv, ...disableSigusr1()])];
  return (slot, extra) => {
    cluster.setupPrimary({ ...release, args: [], execArgv });
    return cluster.fork({
      ...env,
      ...extra,
      WORKER_SLOT: String(slot),
      // These are between systemd and the primary.
      NOTIFY_SOCKET: undefined,
      WATCHDOG_USEC: undefined,
      LISTEN_PID: undefined,
      LISTEN_FDS: managerEnv.listenFd === undefined ? undefined : '1',
      PWD: release.cwd,
    });
  };
}

/** SIGUSR1 opens Node's inspector, through which one can run any code. Nobody needs that in production. */
function disableSigusr1(): string[] {
  return process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') ? ['--disable-sigusr1'] : [];
}

function isSameFolder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) =>
    // eslint-disable-next-line n/no-sync -- start-up of the primary
    statSync(path, { throwIfNoEntry: false }),
  );
  return a?.ino !== undefined && a.ino === b?.ino && a.dev === b.dev;
}
