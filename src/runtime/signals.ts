/**
 * Calls back when the process is asked to stop: SIGTERM (systemd, Docker, Kubernetes), SIGINT (Ctrl-C, PM2), SIGHUP (the
 * terminal is gone), and PM2's `shutdown` message (where there are no signals).
 *
 * @param callback - gets what asked, and whether it is the first time; a second time means: be quick.
 */
export function onStopRequest(callback: (reason: string, first: boolean) => void): void {
  let first = true;
  const stop = (reason: string) => {
    callback(reason, first);
    first = false;
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  process.on('message', (message) => {
    if (message === 'shutdown') stop('shutdown message');
  });
}
