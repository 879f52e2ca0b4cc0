import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { ConfigReport } from '../config/define-config.ts';
import { projectPath } from '../config/paths.ts';
import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { observeResponse } from '../http/route-metrics.ts';
import { createHttpServer } from '../http/server.ts';
import { joinCluster } from '../supervisor/worker.ts';
import { openApp, type AppParts } from './app-parts.ts';
import { serveAdmin } from './admin.ts';
import { boot, exitOnBadStart, type Boot } from './boot.ts';
import { Connections } from './connections.ts';
import { Drain } from './drain.ts';
import { releaseIdleMemory } from './idle-memory.ts';
import { describeAddress, listen } from './listen.ts';
import { watchActivity } from './operations.ts';
import { Shutdown } from './shutdown.ts';
import { onStopRequest } from './signals.ts';

/** Where development keeps its sessions over a restart. */
const DEVELOPMENT_SESSIONS_FILE = projectPath('node_modules', '.cache', 'development-sessions.json');

/**
 * Runs one process: configuration → stores → app → listen → drain. Development, PM2 and Kubernetes run this, and the
 * cluster runs it as a worker. A start that fails ends the process: with 78 when the configuration is wrong, else with 1.
 */
export async function startServer<Config extends PlatformConfig>(
  report: ConfigReport<Config>,
  createApp: (parts: AppParts<Config>) => Promise<Express>,
): Promise<void> {
  const booted = boot(report);
  await start(booted, createApp).catch((error: unknown) => exitOnBadStart(error, booted.logger));
}

async function start<Config extends PlatformConfig>(
  booted: Boot<Config>,
  createApp: (parts: AppParts<Config>) => Promise<Express>,
): Promise<void> {
  const { config, logger } = booted;
  const managerEnv = loadProcessManagerEnv();
  const opened = await openApp(booted, createApp, { sessionsFile: DEVELOPMENT_SESSIONS_FILE });
  const { app, lifecycle, metrics, webSockets, jobs, close } = opened;
  const server = createHttpServer(app, config, logger);
  webSockets.attach(server);
  const activity = watchActivity(config, opened);
  const connections = new Connections(server, observeResponse(metrics, activity));
  const shutdown = new Shutdown({
    drain: new Drain({ connections, webSockets, lifecycle, logger, times: config }),
    logger,
    close,
    graceMs: config.KILL_GRACE_SECONDS * 500,
    exit: (code) => (primary ? primary.exit(code) : process.exit(code)),
  });
  const stop = { drain: shutdown.begin.bind(shutdown), force: shutdown.force.bind(shutdown) };
  const primary = joinCluster(managerEnv, {
    logger,
    requests: connections,
    metrics: () => metrics.registry.getMetricsAsJSON(),
    activity,
    ...stop,
  });
  if (!primary) onStopRequest(stop.drain, stop.force);
  if (!primary) await serveAdmin(booted, { ...opened, connections, activity });
  const place = { host: config.HOST, port: config.PORT, fd: managerEnv.listenFd };
  const address = await shutdown.unlessBegun(() => listen(server, place));
  if (!address) return;
  lifecycle.markReady();
  announce(booted, address);
  await primary?.ready(server);
  // PM2's wait_ready
  process.send?.('ready');
  jobs.start();
  releaseIdleMemory({ seconds: config.IDLE_MEMORY_SECONDS, logger });
}

function announce({ config, logger, dotenv }: Boot, address: AddressInfo): void {
  const facts = { port: address.port, env: config.NODE_ENV, store: config.STORE, dotenv };
  logger.info(facts, `listening on ${describeAddress(address)}`);
}
