import { writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { getHeapStatistics, writeHeapSnapshot } from 'node:v8';
import type { RequestCounts } from '../lifecycle/connections.ts';
import { residentMemory } from '../observability/resident-memory.ts';
import type { Diagnosis, Heartbeat } from './messages.ts';

/** How often the event loop's delay is sampled, in milliseconds. */
const RESOLUTION_MS = 20;

/** Readable by the owner only, and never over an existing file or link: a snapshot holds every secret there is. */
const NEW_PRIVATE_FILE = { flag: 'wx', mode: 0o600 } as const;

/** Measures what this process uses from one call to the next: CPUs, and bytes. */
export function processUse() {
  const rssBytes = residentMemory();
  let last = { at: performance.now(), cpu: process.cpuUsage(), requests: 0 };
  return (requests = 0) => {
    const now = { at: performance.now(), cpu: process.cpuUsage(), requests };
    const seconds = Math.max(0.001, (now.at - last.at) / 1000);
    const cpuSeconds = (now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system) / 1e6;
    const requestsPerSecond = Math.round((requests - last.requests) / seconds);
    last = now;
    const cpu = Math.round((cpuSeconds / seconds) * 1000) / 1000;
    return { cpu, rssBytes: rssBytes(), heapBytes: getHeapStatistics().used_heap_size, requestsPerSecond };
  };
}

/** Measures this process from one call to the next. */
export function createHeartbeat(counts: RequestCounts): () => Heartbeat {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const use = processUse();
  let last = performance.eventLoopUtilization();
  return () => {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, last);
    last = current;
    // The histogram holds the time between two samples.
    const delayMs = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
    delay.reset();
    return {
      ...use(counts.answered),
      utilization: Math.round(utilization * 1000) / 1000,
      delayMs: Math.round(delayMs * 10) / 10,
      requests: counts.answered,
      inFlight: counts.inFlight,
    };
  };
}

/**
 * What the inspector records: where this process spends its time, a `.cpuprofile`, and where it allocates what is still in
 * use, a `.heapprofile` (browser's developer tools, Performance and Memory).
 */
const RECORDINGS = {
  'cpu-profile': ['Profiler.enable', 'Profiler.start', 'Profiler.stop'],
  'heap-sample': ['HeapProfiler.enable', 'HeapProfiler.startSampling', 'HeapProfiler.stopSampling'],
} as const;

/** Writes what was asked for into its file. */
export async function diagnose(diagnosis: Diagnosis): Promise<void> {
  if (diagnosis.type === 'heap-snapshot') await takeHeapSnapshot(diagnosis.file);
  else await record(diagnosis);
}

async function record({ type, file, seconds }: Exclude<Diagnosis, { type: 'heap-snapshot' }>): Promise<void> {
  // Few processes ever need the inspector: it is not loaded at the start.
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  const post = promisify(session.post.bind(session)) as (method: string) => Promise<unknown>;
  const [enable, start, stop] = RECORDINGS[type];
  try {
    await post(enable);
    await post(start);
    if (type === 'cpu-profile') await forgetInlined(post);
    await sleep(seconds * 1000);
    const { profile } = (await post(stop)) as { profile: unknown };
    await writeFile(file, JSON.stringify(profile), NEW_PRIVATE_FILE);
  } finally {
    session.disconnect();
  }
}

/**
 * Code that V8 optimized before it was watched has inlined functions without their names. This throws such code away, and
 * V8 optimizes it again, with names.
 */
async function forgetInlined(post: (method: string) => Promise<unknown>): Promise<void> {
  await post('Profiler.startPreciseCoverage');
  await post('Profiler.stopPreciseCoverage');
}

/**
 * Writes the process's memory as a `.heapsnapshot` (browser's developer tools, Memory). It blocks the process for about
 * one second per 100 MB.
 */
async function takeHeapSnapshot(file: string): Promise<void> {
  await writeFile(file, '', NEW_PRIVATE_FILE);
  writeHeapSnapshot(file);
}
