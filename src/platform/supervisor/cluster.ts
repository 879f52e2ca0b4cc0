import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import type { ConfigReport } from '../config/define-config.ts';
import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { boot, type Boot } from '../lifecycle/boot.ts';
import { ECHO_MS, keepInspectorClosed } from '../lifecycle/signals.ts';
import type { Logger } from '../observability/logger.ts';
import { serveAdmin } from './admin.ts';
import { createCommands, scaleTo } from './commands.ts';
import { openControl } from './control.ts';
import { createFork, findRelease } from './fork.ts';
import { Notifier } from './notify.ts';
import { EXIT_NO_BOOT, Supervisor } from './supervisor.ts';

/**
 * Runs one primary and its workers, each of which runs the server.js beside the file that this process was started with.
 * The primary imports nothing of the app but its settings: the app's bugs must not end it, and a reload must load all of
 * the app's code. Exits with 78 when the configuration is wrong, with 3 when no worker can start.
 */
export async function startCluster(report: ConfigReport): Promise<void> {
  const booted = boot(report);
  await start(booted).catch((error: unknown) => {
    booted.logger.fatal({ err: error }, 'could not start');
    process.exit(EXIT_NO_BOOT);
  });
}

async function start(booted: Boot): Promise<void> {
  const { config, logger, dotenv, workerEnv } = booted;
  logger.info({ env: config.NODE_ENV, dotenv }, 'starting');
  const managerEnv = loadProcessManagerEnv();
  const release = findRelease(process.argv[1] ?? '', process.cwd(), managerEnv.pwd);
  const notifier = new Notifier(managerEnv, logger);
  let control: Server | undefined = undefined;
  let admin: Awaited<ReturnType<typeof serveAdmin>> | undefined = undefined;
  let started = false;
  const supervisor = new Supervisor({
    config,
    logger,
    fork: createFork(release, managerEnv, workerEnv),
    inheritedSocket: managerEnv.listenFd !== undefined,
    onChange: (status) => {
      const { state, ready, target } = status;
      notifier.changed(status);
      logger.info({ state, ready, target }, 'state');
      if (started || state === 'starting' || state === 'stopping') return;
      started = true;
      // PM2's wait_ready
      process.send?.('ready');
      void writePidFile(config, logger);
    },
    onEnd: (code) => {
      admin?.operations?.close();
      // Removes the socket's file.
      control?.close();
      void exit(code, config, logger);
    },
  });
  handleSignals(supervisor, config, logger);
  admin = await serveAdmin(booted, supervisor);
  const commands = createCommands(supervisor, config, 'control');
  control = await openControl({ ...commands, admin: admin.link }, config, logger);
  notifier.watchdog(() => supervisor.status.ready > 0);
  supervisor.start();
}

/** What each signal to the primary does; docs/operations.md has the table. */
function handleSignals(supervisor: Supervisor, config: PlatformConfig, logger: Logger): void {
  const scaleBy = (step: number) => {
    const { target } = supervisor.status;
    try {
      scaleTo(supervisor, config, target + step);
    } catch (error) {
      logger.warn({ target, reason: (error as Error).message }, 'cannot scale');
    }
  };
  let stoppedAt = -Infinity;
  const stop = (signal: string) => {
    const isEcho = performance.now() - stoppedAt < ECHO_MS;
    stoppedAt = performance.now();
    if (!isEcho) supervisor.stop(signal);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGQUIT', (signal) => {
    supervisor.stop(signal, true);
  });
  process.on('SIGHUP', (signal) => void supervisor.reload(signal));
  process.on('SIGTTIN', scaleBy.bind(undefined, 1));
  process.on('SIGTTOU', scaleBy.bind(undefined, -1));
  keepInspectorClosed();
  // PM2 sends it where there are no signals.
  process.on('message', (message) => {
    if (message === 'shutdown') supervisor.stop('shutdown message');
  });
}

/** Over the file of a primary that was killed, and never half written, so that a reader can rely on it. */
async function writePidFile({ PID_FILE }: PlatformConfig, logger: Logger): Promise<void> {
  if (PID_FILE === undefined) return;
  const temporary = `${PID_FILE}.${process.pid}`;
  try {
    await writeFile(temporary, `${process.pid}\n`);
    await rename(temporary, PID_FILE);
  } catch (error) {
    logger.error({ err: error }, 'cannot write PID file');
  }
}

async function exit(code: number, { PID_FILE = '' }: PlatformConfig, logger: Logger): Promise<void> {
  const content = await readFile(PID_FILE, 'utf8').catch(() => '');
  // Another primary may have written its own since.
  if (content.trim() === String(process.pid)) await rm(PID_FILE, { force: true });
  logger.info({ code }, 'stopped');
  process.exit(code);
}
