import type { Boot } from '../lifecycle/boot.ts';
import type { AdminAccess } from '../observability/admin-access.ts';
import { Operations } from '../operations/index.ts';
import { createCommands, describeResult, LOG_LEVELS } from './commands.ts';
import { processUse } from './diagnostics.ts';
import { maxWorkers } from './fork.ts';
import type { SupervisorEvent } from './status.ts';
import type { Supervisor } from './supervisor.ts';

/** The operations page of a cluster. */
export async function openOperations(
  { config, logger, sources }: Boot,
  supervisor: Supervisor,
  access: AdminAccess,
): Promise<Operations | undefined> {
  if (config.ADMIN_PORT === 0) return undefined;
  const commands = createCommands(supervisor, config, 'operations page');
  const operations = await Operations.open({
    config,
    logger,
    sources,
    access,
    mode: 'cluster',
    maxWorkers: maxWorkers(config),
    logLevels: LOG_LEVELS,
    unavailable: {},
    fleet: () => supervisor.status,
    own: processUse(),
    run: async (action, args) => withMessage(action, await commands[action](args)),
  });
  supervisor.onEvent((event) => {
    report(operations, event, config.NODE_ENV === 'development');
  });
  return operations;
}

/**
 * The address that logs in.
 *
 * @throws {Error} where nothing listens.
 */
export function linkTo(port: number | undefined, { token }: AdminAccess): string {
  if (port === undefined) throw new Error('ADMIN_PORT is 0, so there is no operations page');
  return `http://localhost:${port}/login?token=${encodeURIComponent(token)}`;
}

/** The sentence that `npm run ctl` prints. */
export function withMessage(action: string, result: unknown): object {
  return { ...(result as object), message: describeResult(action, result) };
}

/** What the page keeps of what happens to the workers. */
function report(operations: Operations, event: SupervisorEvent, isDevelopment: boolean): void {
  const at = Date.now();
  if (event.type === 'message') {
    const { slot, message } = event;
    if ('report' in message && message.report) operations.report(slot, message.report);
    if (message.type === 'error') operations.error({ ...message.error, slot });
    return;
  }
  // An error's message is for the log.
  const reason = isDevelopment ? event.reason : event.reason?.replace(/(uncaught error: \w+).*/s, '$1');
  if (event.type === 'reload') {
    operations.reloaded({ at, ...event, reason });
    return;
  }
  const { slot, pid } = event;
  operations.restarted({ at, slot, pid, reason: reason ?? '' });
  if (event.type === 'recycle') return;
  const more = isDevelopment ? { message: reason, stack: event.stack } : {};
  operations.error({ at, kind: 'crash', code: event.kind.toUpperCase(), slot, ...more });
}
