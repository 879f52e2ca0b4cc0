import type { Express } from 'express';
import { createApp } from '../../src/app.ts';
import type { Config } from '../../src/config.ts';
import type { Job } from '../../src/platform/jobs/index.ts';
import { Lifecycle } from '../../src/platform/lifecycle/lifecycle.ts';
import { ShutdownHooks } from '../../src/platform/lifecycle/shutdown-hooks.ts';
import { createLogger } from '../../src/platform/observability/logger.ts';
import { createMetrics, type Metrics } from '../../src/platform/observability/metrics.ts';
import { openStores } from '../../src/platform/stores/open.ts';
import type { Stores } from '../../src/platform/stores/open.ts';
import { testConfig } from './config.ts';
import { LogLines } from './http.ts';

/** A whole app, with everything a test may want to look at. */
export interface TestApp {
  readonly app: Express;
  readonly config: Config;
  readonly log: LogLines;
  readonly metrics: Metrics;
  readonly stores: Stores;
  readonly lifecycle: Lifecycle;
  /** They don't run by themselves. */
  readonly jobs: readonly Job[];
  close(): Promise<void>;
}

/** Makes the app as src/server.ts does, ready and not listening. `env` is added to the test configuration. */
export async function createTestApp(env: Record<string, string> = {}): Promise<TestApp> {
  const config = testConfig({ LOG_LEVEL: 'info', ...env });
  const log = new LogLines();
  const logger = createLogger(config, log);
  const lifecycle = new Lifecycle();
  const metrics = createMetrics({ defaults: false });
  const stores = await openStores(config, logger, metrics);
  const hooks = new ShutdownHooks(logger);
  const jobs: Job[] = [];
  const app = await createApp({
    config,
    logger,
    lifecycle,
    metrics,
    stores,
    addJob: (job) => jobs.push(job),
    onShutdown: hooks.add.bind(hooks),
  });
  lifecycle.markReady();
  const close = async () => {
    await hooks.run(5000);
    await stores.close();
  };
  return { app, config, log, metrics, stores, lifecycle, jobs, close };
}
