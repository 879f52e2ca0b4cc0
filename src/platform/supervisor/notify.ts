import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProcessManagerEnv } from '../config/process-manager-env.ts';
import type { Logger } from '../observability/logger.ts';
import type { FleetState, Status } from './status.ts';

const run = promisify(execFile);

/**
 * Tells systemd how the service is, if systemd asked for it (`Type=notify` and, because a child tells it,
 * `NotifyAccess=all`). Node can't write to systemd's datagram socket itself; systemd-notify costs about 10 ms a message.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
export class Notifier {
  readonly #managerEnv: Pick<ProcessManagerEnv, 'notifySocket' | 'watchdogMs'>;
  readonly #logger: Logger;
  #sent: Promise<unknown> = Promise.resolve();
  #failed = false;
  #state: FleetState = 'starting';

  constructor(managerEnv: Pick<ProcessManagerEnv, 'notifySocket' | 'watchdogMs'>, logger: Logger) {
    this.#managerEnv = managerEnv;
    this.#logger = logger;
  }

  /** All workers are ready for the first time. */
  started(): void {
    this.#send('READY=1');
  }

  changed({ state, ready, target }: Status): void {
    const before = this.#state;
    this.#state = state;
    const status = `STATUS=${ready}/${target} ready, ${state}`;
    if (state === before) this.#send(status);
    else if (state === 'reloading') this.#send('RELOADING=1', `MONOTONIC_USEC=${monotonicUsec()}`, status);
    else if (state === 'stopping') this.#send('STOPPING=1', status);
    else if (before === 'reloading') this.#send('READY=1', status);
    else this.#send(status);
  }

  /** @param isAlive - whether any worker gave a sign of life lately; without one systemd is to restart the service. */
  watchdog(isAlive: () => boolean): void {
    const { notifySocket, watchdogMs } = this.#managerEnv;
    if (notifySocket === undefined || watchdogMs === undefined) return;
    // Twice in the time that systemd waits, as sd_watchdog_enabled(3) advises.
    setInterval(() => {
      if (isAlive()) this.#send('WATCHDOG=1');
    }, watchdogMs / 2).unref();
  }

  /** In the order of the calls: systemd would take a READY that comes after STOPPING at its word. */
  #send(...assignments: string[]): void {
    if (this.#managerEnv.notifySocket === undefined) return;
    this.#sent = this.#sent
      .then(() => run('systemd-notify', assignments, { timeout: 5000 }))
      .catch((error: unknown) => {
        if (!this.#failed) this.#logger.error({ err: error }, 'systemd can not be notified');
        this.#failed = true;
      });
  }
}

/** Node's high-resolution clock is CLOCK_MONOTONIC, which systemd compares with. */
function monotonicUsec(): string {
  return String(process.hrtime.bigint() / 1000n);
}
