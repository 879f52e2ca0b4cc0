import { createApp } from './app.ts';
import { loadLaunch } from './config.ts';
import type { Launch } from './platform/config/process-manager-env.ts';
import { observeResponse } from './platform/http/route-metrics.ts';
import { createHttpServer } from './platform/http/server.ts';
import { createAdminServer } from './platform/observability/admin.ts';
import { boot, exitOnBadStart, type Boot } from './platform/lifecycle/boot.ts';
import { Connections } from './platform/lifecycle/connections.ts';
import { Departure } from './platform/lifecycle/shutdown.ts';
import { Drain } from './platform/lifecycle/drain.ts';
import { Lifecycle } from './platform/lifecycle/lifecycle.ts';
import { releaseIdleMemory } from './platform/lifecycle/idle-memory.ts';
import { describeAddress, listen, listenForMetrics } from './platform/lifecycle/listen.ts';
import { createMetrics, type Metrics } from './platform/observability/metrics.ts';
import { onStopRequest } from './platform/lifecycle/signals.ts';
import { WorkerLink } from './platform/supervisor/worker.ts';
import { openStores } from './platform/stores/open.ts';

/**
 * One process: configuration → stores → app → listen → drain. Development, PM2 and Kubernetes run this, and cluster.ts
 * runs it as a worker. A start that fails ends the process: with 78 when the configuration is wrong, else with 1.
 */
export async function serve(): Promise<void> {
  const booted = boot();
  await start(booted).catch((error: unknown) => exitOnBadStart(error, booted.logger));
}

async function start({ config, logger, dotenv }: Boot): Promise<void> {
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

  await serveMetrics({ config, logger }, launch, metrics);
  const place = { host: config.HOST, port: config.PORT, fd: launch.listenFd };
  const address = await departure.unlessLeaving(() => listen(server, place));
  if (!address) return;
  lifecycle.markReady();
  const { port } = address;
  const facts = { port, env: config.NODE_ENV, store: config.STORE, dotenv };
  logger.info(facts, `listening on ${describeAddress(address)}`);
  await primary?.ready(server);
  // PM2's wait_ready
  process.send?.('ready');
  releaseIdleMemory({ seconds: config.IDLE_MEMORY_SECONDS, logger });
}

/** Each process of PM2's has a port of its own, from ADMIN_PORT on. A worker's metrics are at its primary's port. */
async function serveMetrics(
  { config, logger }: Pick<Boot, 'config' | 'logger'>,
  launch: Launch,
  metrics: Metrics,
): Promise<void> {
  if (launch.workerSlot !== undefined) return;
  const server = createAdminServer(metrics.registry, config);
  await listenForMetrics(server, config, logger, { offset: launch.pm2Instance ?? 0 });
}
