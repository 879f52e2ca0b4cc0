import { BlockList, isIP, isIPv6 } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * The name or address in a Host header, in one form however it is written: in lower case, without a port, a dot at the
 * end or the brackets of IPv6.
 *
 * @returns undefined for what is no host.
 */
export function hostName(host: string): string | undefined {
  const text = isIPv6(host) ? `[${host}]` : host;
  // Whatever else fits into a URL: a user, a path, a query, blanks, which a URL parser would cut away.
  if (/[\s@/\\?#]/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  return new URL(`http://${text}`).hostname.replace(/^\[|\]$|\.$/g, '');
}

/** Whether a name or address, as `hostName` returns it, stands for this machine only. */
export function isLoopback(name: string): boolean {
  const version = isIP(name);
  return name === 'localhost' || (version > 0 && LOOPBACK.check(name, version === 4 ? 'ipv4' : 'ipv6'));
}
