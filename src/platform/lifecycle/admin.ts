import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import { AdminAccess } from '../observability/admin-access.ts';
import { createAdminServer } from '../observability/admin.ts';
import type { Boot } from './boot.ts';
import { listenForMetrics } from './listen.ts';
import { openOperations, type ProcessParts } from './operations.ts';

/**
 * The admin port of a process without a primary; a worker's is its primary's. Each process of PM2's has one of its own, from
 * ADMIN_PORT on.
 */
export async function serveAdmin(booted: Boot, parts: ProcessParts): Promise<void> {
  const { config, logger } = booted;
  const { pm2Instance: offset = 0 } = loadProcessManagerEnv();
  const access = new AdminAccess(config.ADMIN_TOKEN);
  const operations = await openOperations(booted, parts, access);
  const server = createAdminServer(parts.metrics.registry, config, access, operations?.handler);
  const port = await listenForMetrics(server, config, logger, { offset });
  // There is no control socket to ask for it; in production ADMIN_TOKEN sets one.
  if (operations && config.NODE_ENV === 'development' && config.ADMIN_TOKEN === undefined) {
    logger.info(`operations page: http://localhost:${String(port)}, with the token ${access.token}`);
  }
}
