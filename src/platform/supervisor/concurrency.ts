import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';
import type { PlatformConfig } from '../config/settings.ts';

type ReadText = (path: string) => string | undefined;

/** Memory is not shared between processes: with it, two workers would be two different shops. */
export function maxWorkers(config: Pick<PlatformConfig, 'STORE'>): number {
  return config.STORE === 'memory' ? 1 : 512;
}

/**
 * How many workers to run.
 *
 * @param cpus - how many CPUs this process may use; a fraction is rounded down, and one worker is the least.
 */
export function workerCount(
  config: Pick<PlatformConfig, 'WEB_CONCURRENCY' | 'STORE'>,
  cpus: number = availableCpus(),
): number {
  const wanted = config.WEB_CONCURRENCY === 'auto' ? Math.floor(cpus) : config.WEB_CONCURRENCY;
  return Math.min(Math.max(1, wanted), maxWorkers(config));
}

/** The CPUs this process may use: the machine's, its affinity and its container's quota all counted. */
export function availableCpus(): number {
  return Math.min(availableParallelism(), cpuQuota(readText));
}

/**
 * The cgroup's CPU quota in CPUs, Infinity where there is none. Node 20's `availableParallelism()` knows nothing of it,
 * and a container with a quota of one CPU on a machine of 64 would start 64 workers.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files (cpu.max)
 * @see https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us)
 */
export function cpuQuota(read: ReadText): number {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n');
  const quotas = lines.flatMap((line) => {
    const [hierarchy = '', controllers = '', path = '/'] = line.split(':');
    if (hierarchy === '0') return quotasUpwards('/sys/fs/cgroup', path, (folder) => quotaV2(read, folder));
    if (!controllers.split(',').includes('cpu')) return [];
    return quotasUpwards(`/sys/fs/cgroup/${controllers}`, path, (folder) => quotaV1(read, folder));
  });
  return Math.min(Infinity, ...quotas);
}

/**
 * A quota binds everything below it, so the least on the way up counts. In a container the path is often the host's,
 * of which only the top is there; the walk ends at the container's own root in any case.
 */
function quotasUpwards(mount: string, path: string, quotaOf: (folder: string) => number): number[] {
  const quotas = [];
  for (let folder = posix.normalize(`/${path}`); ; folder = posix.dirname(folder)) {
    quotas.push(quotaOf(folder === '/' ? mount : posix.join(mount, folder)));
    if (folder === '/') return quotas;
  }
}

function quotaV2(read: ReadText, folder: string): number {
  const [quota = '', period = ''] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ');
  return ratio(quota, period);
}

function quotaV1(read: ReadText, folder: string): number {
  return ratio(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
}

/** No quota is "max" in v2 and -1 in v1. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 ? cpus : Infinity;
}

function readText(path: string): string | undefined {
  try {
    // eslint-disable-next-line n/no-sync -- start-up of the primary, which serves nothing
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
