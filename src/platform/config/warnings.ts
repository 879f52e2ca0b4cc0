import { BlockList, isIP } from 'node:net';
import type { PlatformConfig } from './settings.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine reaches an address: a name other than localhost may be anywhere. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  return version === 0 ? host === 'localhost' : loopback.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** What is allowed in production and is rarely meant: a line each. */
export function warningsOf(config: PlatformConfig): string[] {
  if (config.NODE_ENV !== 'production') return [];
  const warnings: string[] = [];
  if (!config.SESSION_COOKIE_SECURE) {
    warnings.push(
      'SESSION_COOKIE_SECURE is off: session cookies also go over plain HTTP, where others can read them',
    );
  }
  if (config.DEBUG) {
    warnings.push(
      'DEBUG is set: packages write what they handle to stderr, which may be secret, and slow down',
    );
  }
  if (config.ADMIN_PORT > 0 && !isLoopback(config.ADMIN_HOST)) {
    warnings.push(
      'ADMIN_HOST is not loopback: /metrics has no password, so let only your monitoring reach it',
    );
  }
  if (config.LOG_LEVEL === 'silent') warnings.push('LOG_LEVEL is silent: not even a crash is logged');
  return warnings;
}
