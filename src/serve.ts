import { createApp } from './app.ts';
import { loadLaunch } from './config.ts';
import type { Launch } from './config/launch.ts';
import { observeResponse } from './http/metrics.ts';
import { createHttpServer } from './http/server.ts';
import { createAdminServer } from './runtime/admin.ts';
import { boot, exitOnBadStart, type Boot } from './runtime/boot.ts';
import { Connections } from './runtime/connections.ts';
import { Departure } from './runtime/departure.ts';
import { Drain } from './runtime/drain.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { releaseIdleMemory } from './runtime/idle-memory.ts';
import { describeAddress, listen, listenForMetrics } from './runtime/listen.ts';
import { createMetrics, type Metrics } from './runtime/metrics.ts';
import { onStopRequest } from './runtime/signals.ts';
import { WorkerLink } from './runtime/cluster/worker.ts';
import { openStores } from './stores/open.ts';

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
