import debug from 'debug';
import { ConfigError, EXIT_BAD_CONFIG } from '../config/config-error.ts';
import type { ConfigReport } from '../config/define-config.ts';
import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';
import { logCrashes, printNow } from '../observability/crash.ts';
import { createLogger, type Logger } from '../observability/logger.ts';

/** What every process has from its start. */
export interface Boot<Config = PlatformConfig> {
  readonly config: Config;
  readonly logger: Logger;
  /** For the line that says that the process has started: the `.env` that was read. */
  readonly dotenv: string;
  /** For the workers of a cluster: what was generated outside of production. */
  readonly workerEnv: Readonly<Record<string, string>>;
  readonly sources: ConfigReport['sources'];
}

/** Takes the configuration; where it is wrong, prints each problem on stderr and exits with 78. */
export function boot<Config extends PlatformConfig>(report: ConfigReport<Config>): Boot<Config> {
  const { config, problems, dotenv, workerEnv, sources } = report;
  if (problems.length > 0) exitOnBadConfig(problems);
  if (config.DEBUG) debug.enable(config.DEBUG);
  const logger = createLogger(config);
  logCrashes(logger);
  // The primary has logged it.
  if (loadProcessManagerEnv().workerSlot === undefined) announce(report, logger);
  const read = dotenv.found ? dotenv.path : `none (no ${dotenv.path})`;
  return { config, logger, dotenv: read, workerEnv, sources };
}

/** Ends a process that could not start: 78 for what a restart can't fix, 1 for what it may. */
export function exitOnBadStart(error: unknown, logger: Logger): never {
  if (error instanceof ConfigError) exitOnBadConfig(error.problems);
  logger.fatal({ err: error }, 'could not start');
  process.exit(1);
}

/** In one write: PM2 keeps only the first before the end of a process. */
function exitOnBadConfig(problems: readonly string[]): never {
  printNow(problems.map((problem) => `config: ${problem}\n`).join(''));
  process.exit(EXIT_BAD_CONFIG);
}

function announce({ warnings, notices }: Pick<ConfigReport, 'warnings' | 'notices'>, logger: Logger): void {
  for (const warning of warnings) {
    if (logger.isLevelEnabled('warn')) logger.warn(`config: ${warning}`);
    else printNow(`config: warning: ${warning}\n`);
  }
  for (const notice of notices) logger.info(notice);
}
