import { statSync } from 'node:fs';
import type { ConfigReport } from '../config/define-config.ts';
import { endOfLife } from './node-releases.ts';
import { checkRedis, withRedis } from './redis.ts';

/** One thing that production needs otherwise. */
export interface Finding {
  readonly check: 'config' | 'redis' | 'files' | 'clock' | 'limits' | 'node';
  /** error: the app would not start, not work, or not be safe. warning: rarely meant, or soon a problem. */
  readonly level: 'error' | 'warning';
  /** One line; never a value that may be a secret. */
  readonly message: string;
}

/**
 * Each connection is an open file, and idle ones count: MAX_IN_FLIGHT (1,000) requests come with as many connections between
 * two requests, and Redis, files and logs beside them.
 */
const MIN_OPEN_FILES = 4096;

/** Sessions and cached entries expire by both clocks; the shortest ones last a minute. */
const MAX_CLOCK_DIFFERENCE_MS = 5000;

const DAY_MS = 86_400_000;

/** All findings, most important first. Starts nothing and changes nothing but one key in Redis. */
export async function findAll(report: ConfigReport, nodeEnv: unknown): Promise<Finding[]> {
  const { config, problems, warnings, files } = report;
  const notProduction =
    'NODE_ENV is not production here; all was checked as if it were. The app is in development mode unless what starts it sets it';
  const redisProblems = config.STORE === 'redis' ? await checkRedis(config) : [];
  const noSupport = endOfLife(process.versions.node);
  return [
    ...findings('config', 'error', problems),
    ...findings('config', 'warning', [...warnings, ...(nodeEnv === 'production' ? [] : [notProduction])]),
    ...findings('redis', 'error', redisProblems),
    ...files.flatMap(fileFindings),
    ...(await clockFindings(report)),
    ...limitFindings(openFileLimit()),
    ...findings('node', 'warning', noSupport === undefined ? [] : [noSupport]),
  ];
}

function findings(check: Finding['check'], level: Finding['level'], messages: readonly string[]): Finding[] {
  return messages.map((message) => ({ check, level, message }));
}

/** Files that others can read, or change, are no place for secrets. One that can't be read is reported by the configuration. */
export function fileFindings(path: string): Finding[] {
  // Windows has no such permissions.
  if (process.platform === 'win32') return [];
  const mode = modeOf(path);
  const who = [mode & 0o004 && 'readable by everybody', mode & 0o022 && 'writable by others'].filter(Boolean);
  if (who.length === 0) return [];
  return findings('files', 'error', [`${path} is ${who.join(' and ')}: chmod 640, or 600`]);
}

function modeOf(path: string): number {
  try {
    // eslint-disable-next-line n/no-sync -- nothing is served here
    return statSync(path).mode;
  } catch {
    return 0;
  }
}

async function clockFindings({ config }: ConfigReport): Promise<Finding[]> {
  // eslint-disable-next-line n/no-sync -- nothing is served here
  const builtAt = statSync(new URL(import.meta.url)).mtimeMs;
  if (Date.now() < builtAt - DAY_MS) {
    const message = "the clock is before the time of the app's own files: set it (timedatectl set-ntp true)";
    return findings('clock', 'error', [message]);
  }
  const ahead = await aheadOfRedis(config).catch(() => 0);
  if (Math.abs(ahead) <= MAX_CLOCK_DIFFERENCE_MS) return [];
  const seconds = Math.round(Math.abs(ahead) / 1000);
  const message = `the clock is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} Redis': let NTP set both`;
  return findings('clock', 'error', [message]);
}

/** By how many milliseconds. Redis may refuse TIME: then nobody knows. */
async function aheadOfRedis(config: ConfigReport['config']): Promise<number> {
  if (config.STORE !== 'redis') return 0;
  return withRedis(config, 'commands', async ({ client }) => {
    const before = Date.now();
    const [seconds = 0, microseconds = 0] = (await client.time()).map(Number);
    return (before + Date.now()) / 2 - (seconds * 1000 + microseconds / 1000);
  });
}

/** Node raises the soft limit to the hard one at its start, so it is the process's own that counts. */
function openFileLimit(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits?: { open_files?: { soft: number | string } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Infinity;
}

export function limitFindings(openFiles: number): Finding[] {
  if (openFiles >= MIN_OPEN_FILES) return [];
  const message = `${openFiles} files may be open here, and each connection is one: at least ${MIN_OPEN_FILES} (LimitNOFILE=, ulimit -n)`;
  return findings('limits', 'warning', [message]);
}
