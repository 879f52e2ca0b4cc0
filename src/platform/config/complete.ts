import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GeneratedValues } from './development-secrets.ts';
import type { PlatformConfig, PlatformValues } from './settings.ts';
import { socketPathProblem } from './socket-path.ts';

/**
 * Fills in what depends on other keys.
 */
export function complete(
  values: PlatformValues,
  { sessionSecret }: Pick<GeneratedValues, 'sessionSecret'>,
): PlatformConfig {
  const production = values.NODE_ENV === 'production';
  const development = values.NODE_ENV === 'development';
  return {
    ...values,
    // Whoever else is in the same network as a developer must not get in.
    HOST: values.HOST ?? (production ? undefined : '127.0.0.1'),
    STORE: values.STORE ?? (values.REDIS_URL ? 'redis' : 'memory'),
    // Refused in production.
    SESSION_SECRETS: values.SESSION_SECRETS ?? [sessionSecret],
    SESSION_COOKIE_SECURE: values.SESSION_COOKIE_SECURE ?? production,
    LOG_FORMAT: values.LOG_FORMAT ?? (development ? 'pretty' : 'json'),
    // In development nobody is behind a proxy, and somebody waits for each restart.
    LINGER_SECONDS: values.LINGER_SECONDS ?? (development ? 0 : 1),
    CONTROL_SOCKET: controlSocketOf(values),
    DIAGNOSTICS_DIR: values.DIAGNOSTICS_DIR ?? tmpdir(),
  };
}

/** Its path; unset, in the folder for temporary files. */
export function controlSocketOf({
  CONTROL_SOCKET,
  PORT,
}: Pick<PlatformValues, 'CONTROL_SOCKET' | 'PORT'>): string {
  return CONTROL_SOCKET ?? join(tmpdir(), `app-${PORT}.sock`);
}

/** The default is checked, too: TMPDIR may be long. */
export function controlSocketProblems({ CONTROL_SOCKET }: Pick<PlatformConfig, 'CONTROL_SOCKET'>): string[] {
  const problem = socketPathProblem(CONTROL_SOCKET);
  return problem === undefined ? [] : [`CONTROL_SOCKET ${problem}`];
}
