import { url as inspectorUrl } from 'node:inspector';
import type { Server } from 'node:net';
import { loadLaunch, type Config } from './config.ts';
import { createAdminServer } from './platform/observability/admin.ts';
import { boot, type Boot } from './platform/lifecycle/boot.ts';
import { ClusterMetrics } from './platform/supervisor/cluster-metrics.ts';
import { workerCount } from './platform/supervisor/concurrency.ts';
import { controlCommands } from './platform/supervisor/control-commands.ts';
import { openControl } from './platform/supervisor/control.ts';
import { EXIT_NO_BOOT } from './platform/supervisor/failures.ts';
import { createFork, findRelease } from './platform/supervisor/fork.ts';
import { listenForMetrics } from './platform/lifecycle/listen.ts';
import type { Logger } from './platform/observability/logger.ts';
import { Notifier } from './platform/supervisor/notify.ts';
import { removePidFile, writePidFile } from './platform/supervisor/pid-file.ts';
import { obeySignals } from './platform/supervisor/primary-signals.ts';
import { sharedSecrets } from './platform/supervisor/shared-secrets.ts';
import { Supervisor } from './platform/supervisor/supervisor.ts';

/**
 * One primary and its workers, each of which runs server.ts. The primary imports nothing of the app: it must not be able
 * to die of the app's bugs, and a reload must be able to bring in all of the app's code.
 */
async function main({ config, logger, dotenv }: Boot): Promise<void> {
  logger.info({ env: config.NODE_ENV, dotenv }, 'starting');
  const launch = loadLaunch();
  const release = findRelease(process.argv[1] ?? '', process.cwd(), launch.pwd);
  const notifier = new Notifier(launch, logger);
  // A signal may end all before it is there.
  // eslint-disable-next-line prefer-const -- and then it is undefined, and no error
  let control: Server | undefined;
  const supervisor: Supervisor = new Supervisor({
    config,
    logger,
    fork: createFork(release, launch, sharedSecrets(config)),
    target: workerCount(config),
    detectHangs: inspectorUrl() === undefined,
    borrowedSocket: launch.listenFd !== undefined,
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

async function onStarted(config: Config, logger: Logger, notifier: Notifier): Promise<void> {
  notifier.started();
  // PM2's wait_ready
  process.send?.('ready');
  if (config.PID_FILE === undefined) return;
  await writePidFile(config.PID_FILE).catch((error: unknown) => {
    logger.error({ err: error }, 'the pid file can not be written');
  });
}

async function onEnded(code: number, config: Config, logger: Logger): Promise<void> {
  if (config.PID_FILE !== undefined) await removePidFile(config.PID_FILE);
  logger.info({ code }, 'stopped');

  process.exit(code);
}

const booted = boot();
await main(booted).catch((error: unknown) => {
  booted.logger.fatal({ err: error }, 'could not start');
  process.exit(EXIT_NO_BOOT);
});
