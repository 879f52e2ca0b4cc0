import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config, Parsed } from '../../config.ts';
import { keptSecrets, newSecrets } from './development-secrets.ts';
import { socketPathProblem } from './socket-path.ts';

/**
 * Fills in what depends on other keys.
 *
 * @param developmentSecrets - the file that keeps what is generated for development.
 */
export function complete(values: Parsed, developmentSecrets: string): Config {
  const production = values.NODE_ENV === 'production';
  const development = values.NODE_ENV === 'development';
  const isGiven = values.SESSION_SECRETS !== undefined && values.DEMO_PASSWORD !== undefined;
  const secrets = development && !isGiven ? keptSecrets(developmentSecrets) : newSecrets();
  const demoPassword = values.DEMO_PASSWORD ?? (development ? secrets.demoPassword : undefined);
  return {
    ...values,
    // Whoever else is in the same network as a developer must not get in.
    HOST: values.HOST ?? (production ? undefined : '127.0.0.1'),
    STORE: values.STORE ?? (values.REDIS_URL ? 'redis' : 'memory'),
    // Refused in production.
    SESSION_SECRETS: values.SESSION_SECRETS ?? [secrets.sessionSecret],
    SESSION_COOKIE_SECURE: values.SESSION_COOKIE_SECURE ?? production,
    ...(demoPassword && { DEMO_PASSWORD: demoPassword }),
    LOG_FORMAT: values.LOG_FORMAT ?? (development ? 'pretty' : 'json'),
    // In development nobody is behind a proxy, and somebody waits for each restart.
    LINGER_SECONDS: values.LINGER_SECONDS ?? (development ? 0 : 1),
    CONTROL_SOCKET: controlSocketOf(values),
    DIAGNOSTICS_DIR: values.DIAGNOSTICS_DIR ?? tmpdir(),
  };
}

/** Its path; unset, in the folder for temporary files. */
export function controlSocketOf({ CONTROL_SOCKET, PORT }: Pick<Parsed, 'CONTROL_SOCKET' | 'PORT'>): string {
  return CONTROL_SOCKET ?? join(tmpdir(), `app-${PORT}.sock`);
}

/** The default is checked, too: TMPDIR may be long. */
export function controlSocketProblems({ CONTROL_SOCKET }: Pick<Config, 'CONTROL_SOCKET'>): string[] {
  const problem = socketPathProblem(CONTROL_SOCKET);
  return problem === undefined ? [] : [`CONTROL_SOCKET ${problem}`];
}
