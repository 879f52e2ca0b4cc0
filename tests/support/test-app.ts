import type { Express } from 'express';
import { createApp } from '../../src/app.ts';
import type { Config } from '../../src/config.ts';
import { Lifecycle } from '../../src/platform/lifecycle/lifecycle.ts';
import { createLogger } from '../../src/platform/observability/logger.ts';
import { createMetrics, type Metrics } from '../../src/platform/observability/metrics.ts';
import { openStores } from '../../src/platform/stores/open.ts';
import type { Stores } from '../../src/platform/stores/stores.ts';
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
  const app = await createApp({ config, logger, lifecycle, metrics, stores });
  lifecycle.markReady();
  return { app, config, log, metrics, stores, lifecycle, close: () => stores.close() };
}
