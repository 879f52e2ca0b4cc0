import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProcessManagerEnv } from '../config/process-manager-env.ts';
import type { Logger } from '../observability/logger.ts';
import type { FleetState, Status } from './status.ts';

const run = promisify(execFile);

/**
 * Reports the state of the service to systemd, where NOTIFY_SOCKET is set (`Type=notify`, and `NotifyAccess=all` because
 * a child sends it). Node cannot write to systemd's datagram socket; systemd-notify takes about 10 ms per message.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
export class Notifier {
  readonly #managerEnv: ProcessManagerEnv;
  readonly #logger: Logger;
  #sent: Promise<unknown> = Promise.resolve();
  #hasFailed = false;
  #state: FleetState = 'starting';

  constructor(managerEnv: ProcessManagerEnv, logger: Logger) {
    this.#managerEnv = managerEnv;
    this.#logger = logger;
  }

  changed({ state, ready, target }: Status): void {
    const before = this.#state;
    this.#state = state;
    const status = `STATUS=${ready}/${target} ready, ${state}`;
    // All workers are ready for the first time.
    if (before === 'starting' && !['starting', 'stopping'].includes(state)) this.#send('READY=1');
    if (state === before) this.#send(status);
    else if (state === 'reloading') this.#send('RELOADING=1', `MONOTONIC_USEC=${monotonicUsec()}`, status);
    else if (state === 'stopping') this.#send('STOPPING=1', status);
    else if (before === 'reloading') this.#send('READY=1', status);
    else this.#send(status);
  }

  /** @param isAlive - whether any worker serves; while none does, systemd is to restart the service. */
  watchdog(isAlive: () => boolean): void {
    const { notifySocket, watchdogMs } = this.#managerEnv;
    if (notifySocket === undefined || watchdogMs === undefined) return;
    // Twice in systemd's timeout, as sd_watchdog_enabled(3) advises.
    setInterval(() => {
      if (isAlive()) this.#send('WATCHDOG=1');
    }, watchdogMs / 2).unref();
  }

  /** In the order of the calls: systemd would believe a READY that arrives after STOPPING. */
  #send(...assignments: string[]): void {
    if (this.#managerEnv.notifySocket === undefined) return;
    this.#sent = this.#sent
      .then(() => run('systemd-notify', assignments, { timeout: 5000 }))
      .catch((error: unknown) => {
        if (!this.#hasFailed) this.#logger.error({ err: error }, 'cannot notify systemd');
        this.#hasFailed = true;
      });
  }
}

/** Node's high-resolution clock is CLOCK_MONOTONIC, which systemd compares with. */
function monotonicUsec(): string {
  return String(process.hrtime.bigint() / 1000n);
}
