/** How long something takes, in milliseconds. */
export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/**
 * The shortest of what at most `attempts` measured, in milliseconds; the first one under the bound is the last.
 * A wait that is in the code is in every attempt; one that a busy machine adds is not.
 */
export async function shortest(
  boundMs: number,
  measure: () => Promise<number>,
  { attempts = 5 } = {},
): Promise<number> {
  let shortest = Infinity;
  for (let left = attempts; left > 0 && shortest >= boundMs; left--)
    shortest = Math.min(shortest, await measure());
  return shortest;
}

/**
 * The result of work that waits for nothing: no timer, no response of another process. However slow the machine is, that
 * takes a few turns of the event loop.
 *
 * @throws {Error} when it is not done by then.
 */
export async function atOnce<T>(work: () => Promise<T>): Promise<T> {
  const waits = Symbol('waits');
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    return waits;
  };
  const result = await Promise.race([work(), turns()]);
  if (result === waits) throw new Error(`waits for something: ${work.toString()}`);
  return result as T;
}
