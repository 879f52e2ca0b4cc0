import { writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import type { RequestCounts } from '../lifecycle/connections.ts';
import { residentMemory } from '../observability/resident-memory.ts';
import type { Heartbeat } from './messages.ts';

/** How often the event loop's delay is sampled, in milliseconds. */
const RESOLUTION_MS = 20;

/** Readable by the owner only, and never over an existing file or link: a snapshot holds every secret there is. */
const NEW_PRIVATE_FILE = { flag: 'wx', mode: 0o600 } as const;

/** Measures this process from one call to the next. */
export function createHeartbeat(counts: RequestCounts): () => Heartbeat {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const rssBytes = residentMemory();
  let last = performance.eventLoopUtilization();
  return () => {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, last);
    last = current;
    // The histogram holds the time between two samples.
    const delayMs = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
    delay.reset();
    return {
      rssBytes: rssBytes(),
      utilization: Math.round(utilization * 1000) / 1000,
      delayMs: Math.round(delayMs * 10) / 10,
      requests: counts.answered,
      inFlight: counts.inFlight,
    };
  };
}

/** Records where this process spends its time, and writes a `.cpuprofile` (browser's developer tools, Performance). */
export async function recordCpuProfile(file: string, seconds: number): Promise<void> {
  // Few processes ever need the inspector: it is not loaded at the start.
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  const post = promisify(session.post.bind(session)) as (method: string) => Promise<unknown>;
  try {
    await post('Profiler.enable');
    await post('Profiler.start');
    await sleep(seconds * 1000);
    const { profile } = (await post('Profiler.stop')) as { profile: unknown };
    await writeFile(file, JSON.stringify(profile), NEW_PRIVATE_FILE);
  } finally {
    session.disconnect();
  }
}

/**
 * Writes the process's memory as a `.heapsnapshot` (browser's developer tools, Memory). It blocks the process for about
 * one second per 100 MB.
 */
export async function takeHeapSnapshot(file: string): Promise<void> {
  await writeFile(file, '', NEW_PRIVATE_FILE);
  writeHeapSnapshot(file);
}
