/**
 * A signal again within this time, in milliseconds, is an echo: on Ctrl-C the terminal signals the whole process group, and
 * npm then passes on what it got.
 */
export const ECHO_MS = 300;

/**
 * Calls back when the process is asked to stop: SIGTERM (systemd, Docker, Kubernetes), SIGINT (Ctrl-C, PM2), SIGHUP (the
 * terminal is gone), and PM2's `shutdown` message (where there are no signals).
 *
 * @param stop - called the first time, with the signal's name.
 * @param force - called each further time.
 */
export function onStopRequest(stop: (reason: string) => void, force: () => void): void {
  let lastAt: number | undefined;
  const request = (reason: string) => {
    const isEcho = lastAt !== undefined && performance.now() - lastAt < ECHO_MS;
    if (lastAt === undefined) stop(reason);
    else if (!isEcho) force();
    lastAt = performance.now();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, request);
  keepInspectorClosed();
  process.on('message', (message) => {
    if (message === 'shutdown') request('shutdown message');
  });
}

/** Node's inspector would open on SIGUSR1; a handler, even one that does nothing, takes its place. */
export function keepInspectorClosed(): void {
  process.on('SIGUSR1', () => undefined);
}
