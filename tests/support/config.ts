import { loadConfig, type Config } from '../../src/config.ts';
import { NO_SHEDDING } from './no-shedding.ts';

/** A session secret that production takes. */
export const TEST_SECRET = 'only-for-tests-0f3b-72d8-4ac1-95e6-b80a';

/** A configuration for tests: quiet, no admin port, free port, no file is read or written; `env` is added as in the environment. */
export function testConfig(env: Record<string, string> = {}): Config {
  return loadConfig(
    {
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      ...NO_SHEDDING,
      ...env,
    },
    '/nonexistent/.env',
    '/nonexistent/development-secrets.json',
  );
}
