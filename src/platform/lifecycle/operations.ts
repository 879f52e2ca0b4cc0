import { loadProcessManagerEnv } from '../config/process-manager-env.ts';
import type { PlatformConfig } from '../config/settings.ts';
import type { AdminAccess } from '../observability/admin-access.ts';
import { Activity, Operations, watchStores, type Fleet } from '../operations/index.ts';
import { diagnosticCommands, UsageError } from '../supervisor/commands.ts';
import { withMessage } from '../supervisor/operations.ts';
import { createHeartbeat, diagnose } from '../supervisor/diagnostics.ts';
import type { OpenApp } from './app-parts.ts';
import type { Boot } from './boot.ts';
import type { Connections } from './connections.ts';

/** What the page of a process without a primary looks at. */
export interface ProcessParts extends Pick<OpenApp, 'metrics' | 'lifecycle'> {
  readonly connections: Connections;
  readonly activity: Activity | undefined;
}

/** Counts what this process does; undefined where nobody could look at it. */
export function watchActivity(
  { ADMIN_PORT, NODE_ENV, REDIS_KEY_PREFIX }: PlatformConfig,
  { metrics, stores }: Pick<OpenApp, 'metrics' | 'stores'>,
): Activity | undefined {
  if (ADMIN_PORT === 0) return undefined;
  return new Activity({
    exposeErrors: NODE_ENV === 'development',
    stores: watchStores(stores, REDIS_KEY_PREFIX),
    lookups: async () => {
      const { values } = await metrics.cacheLookups.get();
      const sum = (counted: typeof values) => counted.reduce((total, { value }) => total + value, 0);
      return { hits: sum(values.filter(({ labels }) => labels.state !== 'miss')), lookups: sum(values) };
    },
  });
}

/** The operations page of a process without a primary. */
export async function openOperations(
  { config, logger, sources }: Boot,
  { connections, lifecycle, activity }: ProcessParts,
  access: AdminAccess,
): Promise<Operations | undefined> {
  if (!activity) return undefined;
  const { pm2Instance, pm2Name = 'app' } = loadProcessManagerEnv();
  const slot = pm2Instance ?? 0;
  const setLogLevel = (level: string) => {
    logger.level = level;
  };
  const commands = diagnosticCommands(config, { setLogLevel, diagnose: diagnoseOne(slot) });
  const operations = await Operations.open({
    config,
    logger,
    sources,
    access,
    mode: pm2Instance === undefined ? 'single' : 'pm2',
    maxWorkers: 1,
    unavailable: pm2Instance === undefined ? IN_ONE_PROCESS : underPm2(pm2Name),
    fleet: fleetOfOne(slot, { connections, lifecycle }),
    takeReport: () => [slot, activity.take()],
    run: async (action, args) => withMessage(action, await commands[action as keyof typeof commands](args)),
  });
  activity.onError((error) => {
    operations.error({ ...error, slot });
  });
  lifecycle.closing.addEventListener('abort', () => {
    operations.close();
  });
  return operations;
}

function fleetOfOne(
  slot: number,
  { connections, lifecycle }: Pick<ProcessParts, 'connections' | 'lifecycle'>,
) {
  const measure = createHeartbeat(connections);
  return (): Fleet => {
    const state = lifecycle.phase === 'draining' ? 'stopping' : lifecycle.phase;
    const isReady = state === 'ready';
    const uptimeSeconds = Math.round(process.uptime());
    const worker = { slot, pid: process.pid, state, generation: 1, uptimeSeconds, ...measure() };
    const [summary, ready] = isReady ? ['serving', 1] : [state, 0];
    return { state: summary, generation: 1, target: 1, ready, workers: [worker] };
  };
}

/** One at a time: a second profile would be cut by the end of the first. */
function diagnoseOne(own: number) {
  let isBusy = false;
  return async (slot: string | undefined, diagnosis: Parameters<typeof diagnose>[0]) => {
    if (slot !== String(own)) throw new UsageError(`this process is ${own}`);
    if (isBusy) throw new Error('this process takes a profile or a snapshot already');
    isBusy = true;
    try {
      await diagnose(diagnosis);
      return { worker: own, pid: process.pid, file: diagnosis.file };
    } finally {
      isBusy = false;
    }
  };
}

const IN_ONE_PROCESS = {
  reload: 'One process has nothing to replace it: restart it, or run npm start for a primary and workers.',
  scale: 'This is one process: npm start runs a primary and workers.',
  recycle: 'One process has nothing to replace it: restart it, or run npm start for a primary and workers.',
};

function underPm2(name: string) {
  const use = (command: string) => `PM2 starts and replaces the processes: use pm2 ${command}.`;
  const reload = use(`reload ${name}`);
  return { reload, recycle: reload, scale: use(`scale ${name} NUMBER`) };
}
