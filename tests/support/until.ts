import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/** How long anything may take on a busy machine, in milliseconds. It bounds a hang, and measures nothing. */
const PATIENCE_MS = 30_000;

/**
 * Waits until a condition holds.
 *
 * @param condition - called every 10 ms. It may throw where it does not hold, as `expect` does: the message tells a failed
 * test more than `false`.
 * @throws {Error} when it does not hold in time, with what the condition returned or threw last.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { holds, seen } = await look(condition);
    if (holds) return;
    if (performance.now() > deadline)
      throw new Error(`does not hold after ${timeoutMs} ms: ${String(condition)}\nlast seen: ${seen}`);
    await sleep(10);
  }
}

async function look(condition: () => unknown): Promise<{ holds: boolean; seen: string }> {
  try {
    const result = await condition();
    return { holds: result === true, seen: inspect(result) };
  } catch (error) {
    return { holds: false, seen: error instanceof Error ? error.message : inspect(error) };
  }
}
