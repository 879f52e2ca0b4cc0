import type { PlatformConfig } from '../config/settings.ts';
import type { Limits } from './policy.ts';

type Times = Pick<PlatformConfig, 'DRAIN_DELAY_SECONDS' | 'DRAIN_TIMEOUT_SECONDS' | 'KILL_GRACE_SECONDS'>;

/**
 * The longest a stop can take, in seconds. Whatever stops the app from outside (systemd's TimeoutStopSec, PM2's
 * kill_timeout, a container's grace) must wait longer, or it kills what was about to end well;
 * tests/project/timeout-budget.test.ts holds them to it.
 */
export function stopTimeoutSeconds(times: Times): number {
  return times.DRAIN_DELAY_SECONDS + times.DRAIN_TIMEOUT_SECONDS + times.KILL_GRACE_SECONDS;
}

/** How long a new worker must serve before the old one goes, in milliseconds. */
const STABLE_MS = 1000;

/** @param detectHangs - off while a debugger may stop a worker. */
export function limitsOf(
  config: Pick<PlatformConfig, 'BOOT_TIMEOUT_SECONDS' | 'HANG_TIMEOUT_SECONDS' | 'MIN_UPTIME_SECONDS'>,
  detectHangs: boolean,
): Limits {
  return {
    bootMs: config.BOOT_TIMEOUT_SECONDS * 1000,
    hangMs: detectHangs ? config.HANG_TIMEOUT_SECONDS * 1000 : Infinity,
    stableMs: STABLE_MS,
    minUptimeMs: config.MIN_UPTIME_SECONDS * 1000,
  };
}
