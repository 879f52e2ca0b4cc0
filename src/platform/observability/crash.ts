import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { Logger } from './logger.ts';
import { Output } from './log-output.ts';
import { stackOf, toError } from './plain.ts';

/**
 * Logs an uncaught exception or rejection in full before it ends the process with 1, as Node would; a supervisor starts
 * a new one. Afterwards the state of the process is unknown, so it must end. A worker finishes its requests first: where
 * there is another listener to `uncaughtException`, the end is left to that.
 *
 * Node's own way out writes to stderr and waits until that is read, with the port open and no response from it. So the
 * process ends here.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/process.html#warning-using-uncaughtexception-correctly
 */
export function logCrashes(logger: Logger): void {
  process.on('uncaughtExceptionMonitor', (thrown: unknown, origin) => {
    logger.fatal({ err: toError(thrown), origin }, 'crash');
  });
  process.on('uncaughtException', (thrown: unknown) => {
    if (process.listenerCount('uncaughtException') > 1) return;
    // The log has it, and has waited for its reader; this is for those who see stderr alone.
    printNow(`${stackOf(thrown)}\n`, 0);
    process.exit(1);
  });
}

/**
 * Writes to stderr at the end of the process.
 *
 * @param timeoutMs - how long to wait for a reader that takes nothing, in milliseconds.
 */
export function printNow(text: string, timeoutMs = 2000): void {
  // PM2 takes what its own `write` gets; the descriptor is that of PM2's daemon, whose log few people read.
  if (loadProcessManagerEnv().pm2Instance !== undefined) process.stderr.write(text);
  else new Output(2).writeNow(Buffer.from(text), performance.now() + timeoutMs);
}
