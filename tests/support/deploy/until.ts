import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until a condition holds that says little by itself, and ends at the first error. The time bounds a hang, and measures
 * nothing. Elsewhere take the other `until`, which reports what it saw last.
 *
 * @param what - for the error: "nginx is ready".
 * @param condition - called every 25 ms; what it throws ends the waiting.
 * @throws {Error} when it does not hold in time.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { seconds = 45 } = {},
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(25);
  }
}
