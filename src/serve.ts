import { createApp } from './app.ts';
import { loadLaunch, type Config } from './config.ts';
import type { Launch } from './config/launch.ts';
import { observeResponse } from './http/metrics.ts';
import { createHttpServer } from './http/server.ts';
import { createAdminServer } from './runtime/admin.ts';
import { configOrExit, exitOnBadStart } from './runtime/boot.ts';
import { storeCompiledModules } from './runtime/compile-cache.ts';
import { Connections } from './runtime/connections.ts';
import { logCrashes } from './runtime/crash.ts';
import { Departure } from './runtime/departure.ts';
import { Drain } from './runtime/drain.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { listen } from './runtime/listen.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { createMetrics, type Metrics } from './runtime/metrics.ts';
import { collectAtRest } from './runtime/rest.ts';
import { onStopRequest } from './runtime/signals.ts';
import { WorkerLink } from './runtime/cluster/worker.ts';
import { openStores } from './stores/open.ts';

/**
 * One process: configuration → stores → app → listen → drain. Development, PM2 and Kubernetes run this, and cluster.ts
 * runs it as a worker. A start that fails ends the process: with 78 when the configuration is wrong, else with 1.
 */
export async function serve(): Promise<void> {
  const config = configOrExit();
  const logger = createLogger(config);
  logCrashes(logger);
  await start(config, logger).catch((error: unknown) => exitOnBadStart(error, logger));
}

async function start(config: Config, logger: Logger): Promise<void> {
  const launch = loadLaunch();
  const lifecycle = new Lifecycle();
  const metrics = createMetrics();
  const stores = await openStores(config, logger, metrics);
  const app = await createApp({ config, logger, lifecycle, metrics, stores });
  const server = createHttpServer(app, config, logger);
  const connections = new Connections(server, observeResponse(metrics));
  const drain = new Drain({ connections, lifecycle, logger, times: config });

  const departure = new Departure({
    drain,
    logger,
    closeStores: () => stores.close(),
    exit: (code) => (primary ? primary.leave(code) : process.exit(code)),
  });
  const leave = departure.begin.bind(departure);
  const hurry = drain.hurry.bind(drain);
  const primary = WorkerLink.join(launch, {
    logger,
    requests: connections,
    metrics: () => metrics.registry.getMetricsAsJSON(),
    orders: { drain: leave, hurry },
  });
  if (!primary) onStopRequest(leave, hurry);

  storeCompiledModules();
  await serveMetrics(config, launch, metrics);
  const place = { host: config.HOST, port: config.PORT, fd: launch.listenFd };
  const address = await departure.unlessLeaving(() => listen(server, place));
  if (!address) return;
  lifecycle.markReady();
  const { port } = address;
  logger.info({ port, env: config.NODE_ENV, store: config.STORE }, `listening on http://localhost:${port}`);
  await primary?.ready(server);
  // PM2's wait_ready
  process.send?.('ready');
  collectAtRest({ seconds: config.REST_SECONDS, logger });
}

/** Each process of PM2's has a port of its own, from ADMIN_PORT on. A worker's metrics are at its primary's port. */
async function serveMetrics(config: Config, launch: Launch, metrics: Metrics): Promise<void> {
  if (config.ADMIN_PORT === 0 || launch.workerSlot !== undefined) return;
  const port = config.ADMIN_PORT + (launch.pm2Instance ?? 0);
  await listen(createAdminServer(metrics.registry, config), { host: config.ADMIN_HOST, port });
}
