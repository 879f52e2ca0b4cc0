import { readFile } from 'node:fs/promises';
import type { ConfigReport } from '../config/define-config.ts';
import { APP_NAME, APP_VERSION, projectPath } from '../config/paths.ts';
import { platformSettings, type PlatformConfig } from '../config/settings.ts';
import { toPlain } from '../observability/plain.ts';
import { isSecretName, redactText } from '../observability/redact.ts';
import { ACTIONS, type ActionName, type ConfigRow, type Facts } from './contract.ts';

/** Names that say too little to the log, and are secrets as a setting: `STRIPE_KEY`, `SENTRY_DSN`. */
const SECRET_SETTING = /(?:^|_)(?:(?:KEY|DSN|SALT|CERT|PEM)S?|WEBHOOKS?(?:_UR[IL]S?)?)$/;

/** A longer value is cut, in characters. */
const MAX_VALUE = 300;

export interface FactsOptions {
  readonly config: PlatformConfig;
  /** Where each setting's value comes from. */
  readonly sources: ConfigReport['sources'];
  readonly mode: Facts['mode'];
  readonly maxWorkers: number;
  /** Why an action is not available here, and what to do instead. */
  readonly unavailable: Readonly<Partial<Record<ActionName, string>>>;
}

/** What does not change while the process lives. */
export async function gatherFacts(options: FactsOptions): Promise<Facts> {
  const { config, sources, mode, maxWorkers, unavailable } = options;
  const actions = ACTIONS.map((name) => {
    const reason = unavailable[name];
    return [name, { available: reason === undefined, reason }] as const;
  });
  return {
    name: APP_NAME,
    version: APP_VERSION,
    commit: await releaseCommit(),
    node: process.versions.node,
    env: config.NODE_ENV,
    mode,
    startedAt: Math.round(performance.timeOrigin),
    config: Object.entries(withToken(config)).map(([name, value]) =>
      configRow(name, value, sources[name] ?? (name === 'ADMIN_TOKEN' ? 'generated' : 'default')),
    ),
    actions: Object.fromEntries(actions) as unknown as Facts['actions'],
    logLevels: platformSettings.LOG_LEVEL.wrapped.options,
    maxWorkers,
  };
}

/** Where nobody sets a token, each start generates one. */
function withToken({ ADMIN_TOKEN = 'generated', ...config }: PlatformConfig): object {
  return { ...config, ADMIN_TOKEN };
}

/** What comes from a file of its own is a secret, too: that is what such files are for. */
export function configRow(name: string, value: unknown, source: ConfigRow['source']): ConfigRow {
  if (value === undefined) return { name, value: '', source };
  if (isSecretName(name) || SECRET_SETTING.test(name) || source === 'file')
    return { name, value: null, source };
  const plain = toPlain(value);
  const text = typeof plain === 'string' ? redactText(plain) : (jsonOf(plain) ?? '');
  return { name, value: text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text, source };
}

/** undefined for what JSON does not have, as a function. */
function jsonOf(value: unknown): string | undefined {
  return JSON.stringify(value);
}

/** undefined for a working tree, which is no release. */
async function releaseCommit(): Promise<string | undefined> {
  const text = await readFile(projectPath('manifest.json'), 'utf8').catch(() => '{}');
  return (JSON.parse(text) as { commit?: string | null }).commit ?? undefined;
}
