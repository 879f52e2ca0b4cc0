import type { PlatformConfig } from '../config/settings.ts';
import type { Job } from '../jobs/job.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Stores } from '../stores/open.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { ShutdownHook } from './shutdown-hooks.ts';

/** What an app is made of. Nothing here is global: a test makes ten apps side by side. */
export interface AppParts<Config extends PlatformConfig = PlatformConfig> {
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly stores: Stores;
  /** Runs in the background, from when the process is ready until it stops. */
  readonly addJob: (job: Job) => void;
  /** Closes what the app has opened, after the last request: the last one added first, within the drain's deadline. */
  readonly onShutdown: (name: string, hook: ShutdownHook) => void;
}
