import type { Environment } from './read-values.ts';

/** The first descriptor that systemd hands over: SD_LISTEN_FDS_START. */
const FIRST_LISTEN_FD = 3;

export type ProcessManagerEnv = ReturnType<typeof loadProcessManagerEnv>;

/**
 * Reads what started this process from the variables that systemd, PM2 and our own primary set. What makes no sense counts
 * as not set: it comes from programs, not from people.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
 */
export function loadProcessManagerEnv(env: Environment = process.env, pid = process.pid) {
  const workerSlot = wholeNumber(env.WORKER_SLOT);
  const watchdogUsec = wholeNumber(env.WATCHDOG_USEC);
  const isForUs = (name: string) => wholeNumber(env[name]) === pid;
  const isWatched = !env.WATCHDOG_PID || isForUs('WATCHDOG_PID');
  // The primary has checked LISTEN_PID, which is its own, and passes the variable on to its workers alone.
  const isActivated = env.LISTEN_FDS === '1' && (isForUs('LISTEN_PID') || workerSlot !== undefined);
  return {
    /** Under our own primary: the place of this worker, from 0, which its replacement keeps. */
    workerSlot,
    /** Under PM2: which instance this is, from 0. */
    pm2Instance: wholeNumber(env.NODE_APP_INSTANCE),
    /** Under PM2: the app's name there. */
    pm2Name: env.name || undefined,
    /** Under PM2: the file that `pm2 logs` shows; undefined where it keeps none. */
    pm2LogFile: env.pm_out_log_path === '/dev/null' ? undefined : env.pm_out_log_path || undefined,
    /** Where systemd listens to the service's state. */
    notifySocket: env.NOTIFY_SOCKET || undefined,
    /** systemd restarts the service after this time without a notification. */
    watchdogMs: watchdogUsec && isWatched ? watchdogUsec / 1000 : undefined,
    /** A socket on which systemd listens before and after this process. */
    listenFd: isActivated ? FIRST_LISTEN_FD : undefined,
    /** The working directory as it was named, symlinks unresolved. */
    pwd: env.PWD || undefined,
  } as const;
}

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
