import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { RequestCounts } from '../lifecycle/connections.ts';
import { residentMemory } from '../observability/resident-memory.ts';
import type { Beat } from './messages.ts';

/** How often the event loop's delay is sampled, in milliseconds. */
const RESOLUTION_MS = 20;

/** Measures this process from one call to the next. */
export function createHeartbeat(counts: RequestCounts): () => Beat {
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
      utilization: round(utilization, 3),
      delayMs: round(delayMs, 1),
      requests: counts.answered,
      inFlight: counts.inFlight,
    };
  };
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
