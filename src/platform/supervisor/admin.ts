import type { Boot } from '../lifecycle/boot.ts';
import { listenForMetrics } from '../lifecycle/listen.ts';
import { AdminAccess } from '../observability/admin-access.ts';
import { createAdminServer } from '../observability/admin.ts';
import { linkTo, openOperations } from './operations.ts';
import type { Supervisor } from './supervisor.ts';

/** The admin port of the primary. @returns what ends its streams, and the address of the operations page. */
export async function serveAdmin(booted: Boot, supervisor: Supervisor) {
  const { config, logger } = booted;
  const access = new AdminAccess(config.ADMIN_TOKEN);
  const operations = await openOperations(booted, supervisor, access);
  const server = createAdminServer(supervisor.metrics, config, access, operations?.handler);
  const port = await listenForMetrics(server, config, logger);
  return { operations, link: () => ({ url: linkTo(config.ADMIN_HOST, port, access) }) };
}
