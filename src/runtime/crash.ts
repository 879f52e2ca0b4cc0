import type { Logger } from './logger.ts';

/**
 * Logs an uncaught exception or rejection in full before it ends the process. It does not catch it: after one, nothing
 * is known about the state of the process, so Node prints it and exits with 1, and a supervisor starts a new one.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/process.html#warning-using-uncaughtexception-correctly
 */
export function logCrashes(logger: Logger): void {
  process.on('uncaughtExceptionMonitor', (error: unknown, origin) => {
    const err =
      error instanceof Error ? error : new Error(`something that is no Error was thrown: ${String(error)}`);
    logger.fatal({ err, origin }, 'crash');
  });
}
