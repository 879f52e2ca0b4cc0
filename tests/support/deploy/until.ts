import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until something is so.
 *
 * @param what - for the error: "nginx is ready".
 * @param condition - asked every 25 ms; what it throws ends the waiting.
 * @throws {Error} when it is not so in time.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { seconds = 15 } = {},
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(25);
  }
}
