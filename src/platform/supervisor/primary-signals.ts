import type { PlatformConfig } from '../config/settings.ts';
import { scaleTo } from './control-commands.ts';
import type { Logger } from '../observability/logger.ts';
import { ECHO_MS, keepInspectorClosed } from '../lifecycle/signals.ts';
import type { Supervisor } from './supervisor.ts';

/** What each signal to the primary means; docs/operations.md has the table. */
export function obeySignals(
  supervisor: Supervisor,
  config: Pick<PlatformConfig, 'STORE'>,
  logger: Logger,
): void {
  const meanings: Partial<Record<NodeJS.Signals, (signal: string) => void>> = {
    SIGTERM: (signal) => {
      supervisor.stop(signal);
    },
    SIGINT: (signal) => {
      supervisor.stop(signal);
    },
    SIGQUIT: (signal) => {
      supervisor.stop(signal, true);
    },
    SIGHUP: (signal) => void supervisor.reload(signal),
    SIGTTIN: () => {
      scaleBy(1, supervisor, config, logger);
    },
    SIGTTOU: () => {
      scaleBy(-1, supervisor, config, logger);
    },
  };
  keepInspectorClosed();
  for (const [signal, obey] of Object.entries(meanings)) {
    process.on(signal, ['SIGTERM', 'SIGINT'].includes(signal) ? withoutEchoes(obey) : obey);
  }
  // PM2 says it so where there are no signals.
  process.on('message', (message) => {
    if (message === 'shutdown') supervisor.stop('shutdown message');
  });
}

function scaleBy(
  step: number,
  supervisor: Supervisor,
  config: Pick<PlatformConfig, 'STORE'>,
  logger: Logger,
): void {
  const { target } = supervisor.status;
  try {
    scaleTo(supervisor, config, target + step);
  } catch (error) {
    logger.warn({ target, reason: (error as Error).message }, 'not scaled');
  }
}

function withoutEchoes(obey: (signal: string) => void): (signal: string) => void {
  let lastAt = -Infinity;
  return (signal) => {
    const isEcho = performance.now() - lastAt < ECHO_MS;
    lastAt = performance.now();
    if (!isEcho) obey(signal);
  };
}
