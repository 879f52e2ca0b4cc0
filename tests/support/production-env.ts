import { join } from 'node:path';
import { TEST_SECRET } from './config.ts';
import { NO_SHEDDING } from './no-shedding.ts';
import { freePort } from './redis-server.ts';

/**
 * The environment of a process in production, with ports and files of its own and nothing of the test's environment but
 * the PATH. Its Redis is away: nothing listens on port 1.
 *
 * @param folder - where its files are.
 */
export async function productionEnv(folder: string, env: Readonly<Record<string, string>> = {}) {
  const [port, adminPort] = [await freePort(), await freePort()];
  return {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'production',
    SESSION_SECRETS: TEST_SECRET,
    REDIS_URL: 'redis://127.0.0.1:1',
    WEB_CONCURRENCY: '2',
    HOST: '127.0.0.1',
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
    CONTROL_SOCKET: join(folder, 'control.sock'),
    PID_FILE: join(folder, 'app.pid'),
    DIAGNOSTICS_DIR: folder,
    LINGER_SECONDS: '0.1',
    ...NO_SHEDDING,
    ...env,
  };
}
