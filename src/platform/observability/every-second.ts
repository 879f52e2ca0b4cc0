/** A timer may fire a little before its time; it must not fire twice for one second. */
const MIN_WAIT_MS = 100;

/**
 * Calls back once per second, at the same moment of each: what reports at the full second is read half a second later, so
 * that each reading finds one report, and not sometimes none and sometimes two.
 *
 * @param offsetMs - when in the second, 0 to 999.
 * @returns a function that ends it. The timer does not keep the process alive.
 */
export function everySecond(run: () => void, offsetMs = 0): () => void {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const left = 1000 - ((Date.now() - offsetMs) % 1000);
    timer = setTimeout(tick, left < MIN_WAIT_MS ? left + 1000 : left).unref();
  };
  const tick = () => {
    wait();
    run();
  };
  wait();
  return () => {
    clearTimeout(timer);
  };
}
