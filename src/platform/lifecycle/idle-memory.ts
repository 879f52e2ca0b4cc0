import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '../observability/logger.ts';
import { residentMemory } from '../observability/resident-memory.ts';

/** A process whose event loop is busy for a larger share of the time is not idle. Probes and a few requests are less. */
const MAX_UTILIZATION = 0.05;

/** Less is not worth the pause of a collection. */
const MIN_GROWTH_BYTES = 16 * 1024 ** 2;

/**
 * Collects garbage while the process is idle, and gives the memory back to the system. V8 collects when it needs memory,
 * so a process that has become idle keeps what its last load took, most of it garbage.
 *
 * A collection pauses the process for some tens of milliseconds, and the next load has to take the memory again. So it
 * happens once after a load, and not in the pause between two bursts.
 *
 * @param options.seconds - how long the process must have been idle; 0: never collect.
 */
export function releaseIdleMemory({ seconds, logger }: { seconds: number; logger: Logger }): void {
  if (seconds === 0) return;
  let last = performance.eventLoopUtilization();
  const residentBytes = residentMemory();
  let residualBytes = 0;
  const check = () => {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, last);
    last = current;
    const before = residentBytes();
    if (utilization >= MAX_UTILIZATION || before - residualBytes < MIN_GROWTH_BYTES) return;
    collectGarbage();
    residualBytes = residentBytes();
    logger.debug({ rssBytes: { before, after: residualBytes } }, 'idle memory given back');
  };
  setInterval(check, seconds * 1000).unref();
}

/** V8's own `gc`, behind a flag. A collection of the last resort gives pages back; Node 20 has no such argument. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options?: object) => void;
  setFlagsFromString('--no-expose-gc');
  gc();
  if (Number.parseInt(process.versions.v8) < 12) gc();
  else gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
