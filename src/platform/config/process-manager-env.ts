/** What the process that started this one says. Each is undefined where it does not say it. */
export interface ProcessManagerEnv {
  /** Under our own primary: which place among the workers this one has, from 0, kept when it is replaced. */
  readonly workerSlot: number | undefined;
  /** Under PM2: which instance this is, from 0. */
  readonly pm2Instance: number | undefined;
  /** Under PM2: the file it shows with `pm2 logs`; undefined where it keeps none. */
  readonly pm2LogFile: string | undefined;
  /** systemd listens to news of the service there. */
  readonly notifySocket: string | undefined;
  /** systemd restarts the service when it hears nothing for so long. */
  readonly watchdogMs: number | undefined;
  /** A socket that is open already: systemd listens before, and after, this process. */
  readonly listenFd: number | undefined;
  /** The working directory as it was named, symlinks unresolved. */
  readonly pwd: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The first descriptor that systemd hands over: SD_LISTEN_FDS_START. */
const FIRST_LISTEN_FD = 3;

/**
 * Reads the variables that supervisors set. What makes no sense counts as not set: they come from programs, not people.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
 */
export function readProcessManagerEnv(env: Environment, pid = process.pid): ProcessManagerEnv {
  const workerSlot = wholeNumber(env.WORKER_SLOT);
  const watchdogUsec = wholeNumber(env.WATCHDOG_USEC);
  const isForUs = (name: string) => wholeNumber(env[name]) === pid;
  // The primary has checked LISTEN_PID, which names itself, and hands the variable on to its workers alone.
  const activated = env.LISTEN_FDS === '1' && (isForUs('LISTEN_PID') || workerSlot !== undefined);
  return {
    workerSlot,
    pm2Instance: wholeNumber(env.NODE_APP_INSTANCE),
    pm2LogFile: env.pm_out_log_path === '/dev/null' ? undefined : env.pm_out_log_path || undefined,
    notifySocket: env.NOTIFY_SOCKET || undefined,
    watchdogMs:
      watchdogUsec && (!env.WATCHDOG_PID || isForUs('WATCHDOG_PID')) ? watchdogUsec / 1000 : undefined,
    listenFd: activated ? FIRST_LISTEN_FD : undefined,
    pwd: env.PWD || undefined,
  };
}

/** What started this process tells it, in variables that are not the app's to set: systemd, PM2, our own primary. */
export function loadProcessManagerEnv(env: Environment = process.env): ProcessManagerEnv {
  return readProcessManagerEnv(env);
}

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
