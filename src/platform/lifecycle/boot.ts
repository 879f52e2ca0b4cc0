import debug from 'debug';
import {
  ConfigError,
  EXIT_BAD_CONFIG,
  inspectConfig,
  loadLaunch,
  type Config,
  type ConfigReport,
} from '../../config.ts';
import { logCrashes, printNow } from '../observability/crash.ts';
import { createLogger, type Logger } from '../observability/logger.ts';

/** What every process has from its first moment. */
export interface Boot {
  readonly config: Config;
  readonly logger: Logger;
  /** For the line that says that the process has started: the `.env` that was read. */
  readonly dotenv: string;
}

/** Reads the configuration; if it is wrong, says each problem on stderr and exits with 78. */
export function boot(): Boot {
  const report = inspectConfig();
  const { config, problems, dotenv } = report;
  if (problems.length > 0) exitOnBadConfig(problems);
  if (config.DEBUG) debug.enable(config.DEBUG);
  const logger = createLogger(config);
  logCrashes(logger);
  // The primary has said it.
  if (loadLaunch().workerSlot === undefined) announce(report, logger);
  return { config, logger, dotenv: dotenv.found ? dotenv.path : `none (no ${dotenv.path})` };
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

function announce({ config, given, warnings }: ConfigReport, logger: Logger): void {
  for (const warning of warnings) {
    if (logger.isLevelEnabled('warn')) logger.warn(`config: ${warning}`);
    else printNow(`config: warning: ${warning}\n`);
  }
  const { DEMO_PASSWORD, USERS } = config;
  if (given.DEMO_PASSWORD || !DEMO_PASSWORD || USERS.some(({ name }) => name === 'demo')) return;
  logger.info(
    `log in as "demo" with the password ${DEMO_PASSWORD} (kept for the next start; DEMO_PASSWORD sets another)`,
  );
}
