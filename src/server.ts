import { createApp } from './app.ts';
import type { Config } from './config.ts';
import { observeResponse } from './http/metrics.ts';
import { createHttpServer } from './http/server.ts';
import { createAdminServer } from './runtime/admin.ts';
import { configOrExit, exitOnBadStart } from './runtime/boot.ts';
import { Connections } from './runtime/connections.ts';
import { logCrashes } from './runtime/crash.ts';
import { Drain } from './runtime/drain.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { listen } from './runtime/listen.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { createMetrics } from './runtime/metrics.ts';
import { onStopRequest } from './runtime/signals.ts';
import { openStores } from './stores/open.ts';

/** One process: configuration → stores → app → listen → drain. Development, PM2 and Kubernetes run this. */
async function main(config: Config, logger: Logger): Promise<void> {
  const lifecycle = new Lifecycle();
  const metrics = createMetrics();
  const stores = await openStores(config, logger, metrics);
  const app = await createApp({ config, logger, lifecycle, metrics, stores });
  const server = createHttpServer(app, config, logger);
  const connections = new Connections(server, observeResponse(metrics));
  const drain = new Drain({ connections, lifecycle, logger, times: config });

  onStopRequest((reason, first) => {
    if (!first) drain.hurry();
    void drain.start(reason).then(async (clean) => {
      await stores.close();
      process.exit(clean ? 0 : 1);
    });
  });

  if (config.ADMIN_PORT > 0) {
    const admin = createAdminServer(metrics.registry);
    await listen(admin, { host: config.ADMIN_HOST, port: config.ADMIN_PORT });
  }
  const { port } = await listen(server, { host: config.HOST, port: config.PORT });
  lifecycle.markReady();
  logger.info({ port, env: config.NODE_ENV, store: config.STORE }, `listening on http://localhost:${port}`);
  // PM2's wait_ready
  process.send?.('ready');
}

const config = configOrExit();
const logger = createLogger(config);
logCrashes(logger);
await main(config, logger).catch((error: unknown) => exitOnBadStart(error, logger));
