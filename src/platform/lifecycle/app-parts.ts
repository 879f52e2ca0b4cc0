import type { Express } from 'express';
import type { PlatformConfig } from '../config/settings.ts';
import { JobRunner, type Job } from '../jobs/runner.ts';
import type { Logger } from '../observability/logger.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import { openStores, type Stores } from '../stores/open.ts';
import { WebSockets } from '../websockets/websockets.ts';
import { Lifecycle } from './lifecycle.ts';
import { runHooks, type NamedHook, type ShutdownHook } from './shutdown.ts';

/** What an app is made of. Nothing here is global: a test makes ten apps side by side. */
export interface AppParts<Config extends PlatformConfig = PlatformConfig> {
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly stores: Stores;
  readonly webSockets: WebSockets;
  /** Runs in the background, from when the process is ready until it stops. */
  readonly addJob: (job: Job) => void;
  /** Closes what the app has opened, after the last request: the last one added first, within the drain's deadline. */
  readonly onShutdown: (name: string, hook: ShutdownHook) => void;
}

/** An app, and what starts and ends it. It does not listen, and its jobs do not run yet. */
export interface OpenApp extends Pick<AppParts, 'lifecycle' | 'metrics' | 'stores' | 'webSockets'> {
  readonly app: Express;
  readonly jobs: JobRunner;
  /** Ends the jobs, then closes what the app has opened, then the stores. @returns whether all succeeded in time. */
  readonly close: (deadline: AbortSignal) => Promise<boolean>;
}

/**
 * Opens the stores and makes the app with its parts: for a process, and for tests.
 *
 * @param options.processMetrics - whether to measure the process too (event-loop delay, memory, GC, handles).
 * @param options.sessionsFile - keeps the sessions in memory over a restart, in development only.
 * @throws whatever `createApp` throws.
 */
export async function openApp<Config extends PlatformConfig>(
  { config, logger }: Pick<AppParts<Config>, 'config' | 'logger'>,
  createApp: (parts: AppParts<Config>) => Promise<Express>,
  { processMetrics = true, ...storeOptions }: { processMetrics?: boolean; sessionsFile?: string } = {},
): Promise<OpenApp> {
  const lifecycle = new Lifecycle();
  const metrics = createMetrics({ defaults: processMetrics });
  const stores = await openStores(config, logger, metrics, storeOptions);
  const webSockets = new WebSockets(metrics.registry, { lifecycle, logger, max: config.MAX_WEBSOCKETS });
  const hooks: NamedHook[] = [['stores', () => stores.close()]];
  const jobs = new JobRunner({
    redis: stores.redis,
    prefix: config.REDIS_KEY_PREFIX,
    logger,
    registry: metrics.registry,
    isDraining: () => lifecycle.phase === 'draining',
  });
  const parts = { config, logger, lifecycle, metrics, stores, webSockets };
  const app = await createApp({
    ...parts,
    addJob: jobs.add.bind(jobs),
    onShutdown: (name, hook) => hooks.push([name, hook]),
  });
  // Added last, so it runs first: a job may use whatever the app has opened.
  hooks.push(['jobs', (signal) => jobs.stop(signal)]);
  const close = (deadline: AbortSignal) => runHooks(hooks, deadline, logger);
  return { app, lifecycle, metrics, stores, webSockets, jobs, close };
}
