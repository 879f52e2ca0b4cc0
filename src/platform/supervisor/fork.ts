import cluster, { type Worker } from 'node:cluster';
import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, posix, relative } from 'node:path';
import type { ProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';

type ReadText = (path: string) => string | undefined;

/** Where new workers come from. */
export interface Release {
  /** The worker's entry. */
  readonly exec: string;
  readonly cwd: string;
}

/** Forks a worker for a slot; `extra` is added to its environment, undefined removes a variable. */
export type Fork = (slot: number, extra: Record<string, string | undefined>) => Worker;

/**
 * Finds the code to run, by the path the primary was started with, symlinks unresolved: when `current` points to a new
 * release, the next worker runs that.
 *
 * Node and the system have resolved the paths that they report. The name of the working directory is in PWD, if a shell
 * started this process; under systemd the entry's path has it.
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

/** @param env - what every worker gets beside the primary's own environment. */
export function createFork(
  release: Release,
  managerEnv: ProcessManagerEnv,
  env: Record<string, string | undefined>,
): Fork {
  // Round robin is fair: where workers accept connections themselves, one of four got 51 to 81 of a burst of 100. But the
  // primary would reset the connections that it holds when the last worker stops, and systemd's socket would keep them.
  const isInherited = managerEnv.listenFd !== undefined;
  cluster.schedulingPolicy = isInherited ? cluster.SCHED_NONE : cluster.SCHED_RR;
  const handover = isInherited ? undefined : watchHandover();
  // SIGUSR1 opens Node's inspector, through which any code can be run.
  const flag = '--disable-sigusr1';
  const flags = process.allowedNodeEnvironmentFlags.has(flag) ? [flag] : [];
  const execArgv = [...new Set([...process.execArgv, ...flags])];
  return (slot, extra) => {
    cluster.setupPrimary({ ...release, args: [], execArgv });
    const worker = cluster.fork({
      ...env,
      ...extra,
      WORKER_SLOT: String(slot),
      // These are between systemd and the primary.
      NOTIFY_SOCKET: undefined,
      WATCHDOG_USEC: undefined,
      LISTEN_PID: undefined,
      LISTEN_FDS: isInherited ? '1' : undefined,
      PWD: release.cwd,
    });
    handover?.(worker);
    return worker;
  };
}

/** What node:cluster sends. A listener has a key; a message that wants a reply has a seq, and the reply has it as ack. */
interface ClusterMessage {
  readonly cmd?: string;
  readonly act?: string;
  readonly key?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly errno?: number | null;
}

interface SentConnection {
  readonly key: string;
  readonly connection: { close(): void };
}

/**
 * Rescues what round robin forgets, where a connection is on its way to a worker:
 * - The worker ends. Node does not close the connection, and its client waits forever. Nothing was read from it yet, so it
 *   is refused in the worker's place, and Node gives it to another one.
 * - The worker has no descriptor left, and says so (NODE_HANDLE_NACK). Node would never give it another connection, and
 *   keep this one: it is acknowledged in the worker's place, which closes it.
 *
 * tests/platform/cluster/failures.test.ts and descriptors.test.ts fail without it. There is no public way: this reads Node's
 * own messages. If they change, nothing is found here and nothing is done.
 *
 * @returns what watches one more worker.
 * @see https://github.com/nodejs/node/blob/v20.x/lib/internal/cluster/round_robin_handle.js
 */
function watchHandover(): (worker: Worker) => void {
  const listening = new Map<string, Set<Worker>>();
  return (worker) => {
    const { process: child } = worker;
    const sent = new Map<number, SentConnection>();
    const send = child.send.bind(child) as (...args: unknown[]) => boolean;
    child.send = (...args: unknown[]) => {
      const [message, connection] = args as [ClusterMessage | undefined, SentConnection['connection']?];
      const { act, ack, errno, key, seq } = message?.cmd === 'NODE_CLUSTER' ? message : {};
      if (key !== undefined && act === 'newconn' && connection && seq !== undefined)
        sent.set(seq, { key, connection });
      // The reply to a worker that wants to listen.
      else if (key !== undefined && ack !== undefined && !errno)
        listening.set(key, (listening.get(key) ?? new Set()).add(worker));
      return send(...args);
    };
    child.on('internalMessage' as 'message', (received) => {
      const { cmd, ack, act, key = '' } = received as ClusterMessage;
      if (ack !== undefined) sent.delete(ack);
      if (cmd === 'NODE_HANDLE_NACK') for (const [seq] of sent) acknowledge(child, seq, true);
      if (act === 'close') listening.get(key)?.delete(worker);
    });
    // When the channel is closed, all that the worker has sent was read: what is not acknowledged by now never was.
    child.once('disconnect', () => {
      for (const workers of listening.values()) workers.delete(worker);
      for (const [seq, { key, connection }] of sent) {
        // Without another worker Node has closed the listener, and would keep the connection without an owner.
        if (listening.get(key)?.size) acknowledge(child, seq, false);
        else connection.close();
      }
      sent.clear();
    });
    // While a connection is on its way Node delays that event until the worker has it, which a dead one never will.
    child.once('close', () => {
      setImmediate(() => {
        if (sent.size > 0) child.emit('disconnect');
      });
    });
  };
}

/** In the worker's place. */
function acknowledge(child: Worker['process'], ack: number, accepted: boolean): void {
  child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted }, undefined);
}

/** Memory is not shared between processes: two workers would have different data. */
export function maxWorkers(config: Pick<PlatformConfig, 'STORE'>): number {
  return config.STORE === 'memory' ? 1 : 512;
}

/** @param cpus - the CPUs that this process may use; a fraction is rounded down, and the minimum is one worker. */
export function workerCount(
  config: Pick<PlatformConfig, 'WEB_CONCURRENCY' | 'STORE'>,
  cpus: number = availableCpus(),
): number {
  const wanted = config.WEB_CONCURRENCY === 'auto' ? Math.floor(cpus) : config.WEB_CONCURRENCY;
  return Math.min(Math.max(1, wanted), maxWorkers(config));
}

/** The CPUs that this process may use: those of the machine, less its affinity and the container's quota. */
export function availableCpus(): number {
  return Math.min(availableParallelism(), cpuQuota(readText));
}

/**
 * The cgroup's CPU quota in CPUs, Infinity where there is none. Node 20's `availableParallelism()` ignores it: a container
 * with a quota of one CPU on a machine of 64 would start 64 workers.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files (cpu.max)
 * @see https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us)
 */
export function cpuQuota(read: ReadText): number {
  const quotaV2 = (folder: string) => {
    const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ');
    return ratio(quota, period);
  };
  const quotaV1 = (folder: string) =>
    ratio(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
  const quotas = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [hierarchy, controllers = '', path = '/'] = line.split(':');
    if (hierarchy === '0') return foldersUp('/sys/fs/cgroup', path).map(quotaV2);
    if (!controllers.split(',').includes('cpu')) return [];
    return foldersUp(`/sys/fs/cgroup/${controllers}`, path).map(quotaV1);
  });
  return Math.min(Infinity, ...quotas);
}

/**
 * A quota limits everything below it, so the smallest on the way up counts. In a container the path is often the host's,
 * of which only the top exists; the way ends at the container's own root in any case.
 */
function foldersUp(mount: string, path: string): string[] {
  const folder = posix.normalize(`/${path}`);
  return folder === '/' ? [mount] : [posix.join(mount, folder), ...foldersUp(mount, posix.dirname(folder))];
}

/** No quota is "max" in v2 and -1 in v1. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 ? cpus : Infinity;
}

function readText(path: string): string | undefined {
  try {
    // eslint-disable-next-line n/no-sync -- start of the primary, which serves nothing
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isSameFolder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) =>
    // eslint-disable-next-line n/no-sync -- start of the primary
    statSync(path, { throwIfNoEntry: false }),
  );
  return a?.ino !== undefined && a.ino === b?.ino && a.dev === b.dev;
}
