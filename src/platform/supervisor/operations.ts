import { isIPv6 } from 'node:net';
import { isLoopback } from '../config/addresses.ts';
import type { Boot } from '../lifecycle/boot.ts';
import type { AdminAccess } from '../observability/admin-access.ts';
import { Operations } from '../operations/index.ts';
import { createCommands, describeResult } from './commands.ts';
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
  const isDevelopment = config.NODE_ENV === 'development';
  const commands = createCommands(supervisor, config, 'operations page');
  const operations = await Operations.open({
    config,
    logger,
    sources,
    access,
    mode: 'cluster',
    maxWorkers: maxWorkers(config),
    unavailable: {},
    fleet: () => supervisor.status,
    own: processUse(),
    run: async (action, args) => {
      try {
        return withMessage(action, await commands[action](args));
      } catch (error) {
        if (isDevelopment) throw error;
        const { name, message } = error as Error;
        throw Object.assign(new Error(withoutMessage(message), { cause: error }), { name });
      }
    },
  });
  supervisor.onEvent((event) => {
    report(operations, event, isDevelopment);
  });
  return operations;
}

/**
 * The address that logs in.
 *
 * @throws {Error} where nothing listens.
 */
export function linkTo(host: string, port: number | undefined, { token }: AdminAccess): string {
  if (port === undefined) throw new Error('ADMIN_PORT is 0, so there is no operations page');
  return `http://${ownHost(host)}:${port}/login?token=${encodeURIComponent(token)}`;
}

/** Where a browser on this host finds it. */
function ownHost(host: string): string {
  if (isLoopback(host) || ['0.0.0.0', '::'].includes(host)) return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
}

/** The sentence that `npm run ctl` prints. */
export function withMessage(action: string, result: unknown): object {
  return { ...(result as object), message: describeResult(action, result) };
}

/** What an app's error says is for the log: a page in production has its class alone. */
function withoutMessage(text: string): string;
function withoutMessage(text: string | undefined): string | undefined;
function withoutMessage(text: string | undefined): string | undefined {
  return text?.replace(/(uncaught error)(: \w*(?:Error|Exception)\b)?.*/s, '$1$2');
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
  const reason = isDevelopment ? event.reason : withoutMessage(event.reason);
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
