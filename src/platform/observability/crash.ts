import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { Logger } from './logger.ts';
import { openOutput } from './output.ts';
import { stackOf, toError } from './thrown.ts';

/**
 * Logs an uncaught exception or rejection in full before it ends the process with 1, as Node would; a supervisor starts
 * a new one. After one, nothing is known about the state of the process, so it must end. A worker finishes its requests
 * first: where somebody else listens to `uncaughtException`, the end is left to them.
 *
 * Node's own way out writes to stderr and waits until that is read, with the port open and nobody serving. So the end is
 * made here.
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
 * @param patienceMs - how long to wait for a reader that takes nothing, in milliseconds.
 */
export function printNow(text: string, patienceMs = 2000): void {
  // PM2 takes what its own `write` gets; the descriptor is that of PM2's daemon, whose log nobody asks.
  if (loadProcessManagerEnv().pm2Instance !== undefined) process.stderr.write(text);
  else openOutput(2).writeNow(Buffer.from(text), patienceMs);
}
