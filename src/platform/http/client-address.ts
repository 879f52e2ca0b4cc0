import { isIPv6 } from 'node:net';
import type { Request } from 'express';

/**
 * The client that a limit counts: its address as TRUST_PROXY determines it, an IPv6 one by its /64, which is what one
 * customer gets. By its full address, one machine would have 2^64 limits.
 */
export function clientAddress(req: Request): string {
  // A closed connection has no address; its requests may share a limit.
  return limitKeyOf(req.ip ?? req.socket.remoteAddress ?? 'gone');
}

/** The part of an address that stands for one client. */
export function limitKeyOf(address: string): string {
  const [bare = ''] = readableAddress(withoutPort(address)).split('%', 1);
  if (!isIPv6(bare)) return bare.slice(0, 64);
  // A URL has the canonical form: hexadecimal groups without leading zeros.
  const parts = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::');
  const [left = [], right = []] = parts.map((part) => part.split(':').filter(Boolean));
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}

/** For people to read: an IPv4 address without the prefix that it has on a socket that also takes IPv6. */
export function readableAddress<Address extends string | undefined>(address: Address): Address {
  return address?.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '') as Address;
}

/** Some proxies add the client's port to its address; it changes with each connection. */
function withoutPort(address: string): string {
  return address.replace(/^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]*)\](?::\d+)?)$/, '$1$2');
}
