import { describe, expect, test } from '@jest/globals';
import { availableCpus, cpuQuota, workerCount } from '../../../src/platform/supervisor/fork.ts';

/** A /sys and /proc made of a few files. */
function files(content: Record<string, string>): (path: string) => string | undefined {
  return (path) => content[path];
}

describe('the CPU quota', () => {
  test('of cgroup v2 is read at the process, and at everything above it: the least counts', () => {
    const read = files({
      '/proc/self/cgroup': '0::/kubepods/pod1/app\n',
      '/sys/fs/cgroup/kubepods/pod1/app/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/kubepods/pod1/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/kubepods/cpu.max': '800000 100000\n',
    });
    expect(cpuQuota(read)).toBe(1.5);
  });

  test('of cgroup v2 in a container is at its root', () => {
    expect(
      cpuQuota(files({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' })),
    ).toBe(0.5);
  });

  test('of cgroup v1 is found though the path is the host’s', () => {
    const read = files({
      '/proc/self/cgroup': '12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    });
    expect(cpuQuota(read)).toBe(2);
  });

  test('is none where there is none', () => {
    expect(cpuQuota(files({}))).toBe(Infinity);
    expect(cpuQuota(files({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }))).toBe(
      Infinity,
    );
    const v1 = {
      '/proc/self/cgroup': '1:cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    expect(cpuQuota(files(v1))).toBe(Infinity);
  });
});

describe('the number of workers', () => {
  test.each([
    ['auto', 'redis', 4, 4],
    ['auto', 'redis', 2.9, 2],
    ['auto', 'redis', 0.5, 1],
    [6, 'redis', 2, 6],
    ['auto', 'memory', 8, 1],
    [4, 'memory', 8, 1],
  ] as const)('WEB_CONCURRENCY=%s, STORE=%s and %s CPUs: %i', (WEB_CONCURRENCY, STORE, cpus, expected) => {
    expect(workerCount({ WEB_CONCURRENCY, STORE }, cpus)).toBe(expected);
  });

  test('is at least one on this machine', () => {
    expect(availableCpus()).toBeGreaterThan(0);
  });
});
