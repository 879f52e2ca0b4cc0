import debug from 'debug';
import { ConfigError, EXIT_BAD_CONFIG, loadConfig, type Config } from '../config.ts';
import type { Logger } from './logger.ts';

/** Reads the configuration; if it is wrong, says each problem on stderr and exits with 78. */
export function configOrExit(): Config {
  try {
    const config = loadConfig();
    if (config.DEBUG) debug.enable(config.DEBUG);
    return config;
  } catch (error) {
    if (error instanceof ConfigError) exitOnBadConfig(error);
    throw error;
  }
}

/** Ends a process that could not start: 78 for what a restart can't mend, 1 for what it may. */
export function exitOnBadStart(error: unknown, logger: Logger): never {
  if (error instanceof ConfigError) exitOnBadConfig(error);
  logger.fatal({ err: error }, 'could not start');
  process.exit(1);
}

function exitOnBadConfig(error: ConfigError): never {
  for (const problem of error.problems) process.stderr.write(`config: ${problem}\n`);
  process.exit(EXIT_BAD_CONFIG);
}
