import { isIPv6 } from 'node:net';
import type { Request } from 'express';

/**
 * Whom a limit counts: the client's address as TRUST_PROXY lets it be known, an IPv6 one by its /64, which is what one
 * customer gets. By its full address, one machine would have 2^64 limits.
 */
export function clientAddress(req: Request): string {
  // A connection that is gone has none; its requests may share a limit.
  return limitKeyOf(req.ip ?? req.socket.remoteAddress ?? 'gone');
}

/** The part of an address that stands for one client. */
export function limitKeyOf(address: string): string {
  const [bare = ''] = withoutPort(address).split('%', 1);
  if (!isIPv6(bare)) return bare.slice(0, 64);
  return MAPPED.exec(bare)?.groups?.ipv4 ?? `${firstFourGroups(bare)}::/64`;
}

/** An IPv4 address as a socket that also takes IPv6 tells it. */
const MAPPED = /^::ffff:(?<ipv4>\d+\.\d+\.\d+\.\d+)$/i;

/** An address for people to read: IPv4 ones as they know them. */
export function readableAddress(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') ? (MAPPED.exec(address)?.groups?.ipv4 ?? address) : address;
}

/** Some proxies write the client's port behind its address; it changes with each connection. */
function withoutPort(address: string): string {
  return address.replace(/^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]*)\](?::\d+)?)$/, '$1$2');
}

function firstFourGroups(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail ?? '');
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** An IPv4 tail (64:ff9b::192.0.2.1) is two groups wide; which ones does not matter here, it is never in the first four. */
function groupsOf(part: string): string[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}
