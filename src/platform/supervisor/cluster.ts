import { url as inspectorUrl } from 'node:inspector';
import type { Server } from 'node:net';
import type { ConfigReport } from '../config/define-config.ts';
import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { createAdminServer } from '../observability/admin.ts';
import { boot, type Boot } from '../lifecycle/boot.ts';
import { ClusterMetrics } from './cluster-metrics.ts';
import { workerCount } from './concurrency.ts';
import { controlCommands } from './control-commands.ts';
import { openControl } from './control.ts';
import { EXIT_NO_BOOT } from './failures.ts';
import { createFork, findRelease } from './fork.ts';
import { listenForMetrics } from '../lifecycle/listen.ts';
import type { Logger } from '../observability/logger.ts';
import { Notifier } from './notify.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { obeySignals } from './primary-signals.ts';
import { Supervisor } from './supervisor.ts';

/**
 * Runs one primary and its workers, each of which runs the server.js beside the file that this process was started with.
 * The primary imports nothing of the app but its settings: it must not be able to die of the app's bugs, and a reload must
 * be able to bring in all of the app's code. Exits with 78 when the configuration is wrong, with 3 when no worker can start.
 */
export async function startCluster(report: ConfigReport): Promise<void> {
  const booted = boot(report);
  await start(booted).catch((error: unknown) => {
    booted.logger.fatal({ err: error }, 'could not start');
    process.exit(EXIT_NO_BOOT);
  });
}

async function start({ config, logger, dotenv, workerEnv }: Boot): Promise<void> {
  logger.info({ env: config.NODE_ENV, dotenv }, 'starting');
  const managerEnv = loadProcessManagerEnv();
  const release = findRelease(process.argv[1] ?? '', process.cwd(), managerEnv.pwd);
  const notifier = new Notifier(managerEnv, logger);
  // A signal may end all before it is there.
  // eslint-disable-next-line prefer-const -- and then it is undefined, and no error
  let control: Server | undefined;
  const supervisor: Supervisor = new Supervisor({
    config,
    logger,
    fork: createFork(release, managerEnv, workerEnv),
    target: workerCount(config),
    detectHangs: inspectorUrl() === undefined,
    borrowedSocket: managerEnv.listenFd !== undefined,
    hooks: {
      started: () => void onStarted(config, logger, notifier),
      changed: (status) => {
        notifier.changed(status);
        logger.info({ state: status.state, ready: status.ready, target: status.target }, 'state');
      },
      leaving: (worker, last) => {
        metrics.remember(worker, last);
      },
      gone: (worker) => {
        metrics.keep(worker);
      },
      ended: (code) => {
        // Removes the socket's file.
        control?.close();
        void onEnded(code, config, logger);
      },
    },
  });
  const metrics = new ClusterMetrics(supervisor);
  obeySignals(supervisor, config, logger);
  await listenForMetrics(createAdminServer(metrics, config), config, logger);
  control = await openControl(config.CONTROL_SOCKET, controlCommands(supervisor, config), logger);
  notifier.watchdog(() => supervisor.status.ready > 0);
  supervisor.start();
}

async function onStarted(config: PlatformConfig, logger: Logger, notifier: Notifier): Promise<void> {
  notifier.started();
  // PM2's wait_ready
  process.send?.('ready');
  if (config.PID_FILE === undefined) return;
  await writePidFile(config.PID_FILE).catch((error: unknown) => {
    logger.error({ err: error }, 'the pid file can not be written');
  });
}

async function onEnded(code: number, config: PlatformConfig, logger: Logger): Promise<void> {
  if (config.PID_FILE !== undefined) await removePidFile(config.PID_FILE);
  logger.info({ code }, 'stopped');

  process.exit(code);
}
