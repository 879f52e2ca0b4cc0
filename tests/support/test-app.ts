import { createApp } from '../../src/app.ts';
import type { Config } from '../../src/config.ts';
import type { Job } from '../../src/platform/jobs/index.ts';
import { openApp, type OpenApp } from '../../src/platform/lifecycle/index.ts';
import { createLogger } from '../../src/platform/observability/logger.ts';
import { testConfig } from './config.ts';
import { LogLines } from './http.ts';
import type { Content } from '../fixtures/whole-app/features.mjs';

/** A whole app, with everything a test may want to look at. */
export interface TestApp extends Pick<OpenApp, 'app' | 'lifecycle' | 'metrics' | 'stores'> {
  readonly config: Config;
  readonly log: LogLines;
  /** They don't run by themselves. */
  readonly jobs: readonly Job[];
  close(): Promise<unknown>;
}

/**
 * Makes the app as src/server.ts does, ready but not listening. `env` is added to the test configuration, and
 * `content` stands in for your features and jobs.
 */
export async function createTestApp(env: Record<string, string> = {}, content?: Content): Promise<TestApp> {
  const config = testConfig({ LOG_LEVEL: 'info', ...env });
  const log = new LogLines();
  const logger = createLogger(config, log);
  const opened = await openApp({ config, logger }, (parts) => createApp(parts, content), {
    processMetrics: false,
  });
  opened.lifecycle.markReady();
  return {
    ...opened,
    config,
    log,
    jobs: opened.jobs.list,
    close: () => opened.close(AbortSignal.timeout(5000)),
  };
}
