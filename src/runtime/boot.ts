import debug from 'debug';
import { ConfigError, EXIT_BAD_CONFIG, loadConfig, type Config } from '../config.ts';

/** Reads the configuration; if it is wrong, says each problem on stderr and exits with 78. */
export function configOrExit(): Config {
  try {
    const config = loadConfig();
    if (config.DEBUG) debug.enable(config.DEBUG);
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`config: ${problem}\n`);
    process.exit(EXIT_BAD_CONFIG);
  }
}
