import { BlockList, isIP, isIPv6 } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** The bytes of a Unix socket's path, without the NUL at its end: `sun_path` has 108 on Linux and 104 on BSD and macOS. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/**
 * The name or address in a Host header, in one form however it is written: in lower case, without a port, a dot at the
 * end or the brackets of IPv6.
 *
 * @returns undefined for what is no host.
 */
export function hostName(host: string): string | undefined {
  const text = isIPv6(host) ? `[${host}]` : host;
  // What else fits into a URL: a user, a path, a query, and blanks, which a URL parser would remove.
  if (/[\s@/\\?#]/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  return new URL(`http://${text}`).hostname.replace(/^\[|\]$|\.$/g, '');
}

/** Whether only this machine reaches an address: a name other than localhost may be anywhere. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  return version === 0 ? host === 'localhost' : LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** What is wrong with the path of a Unix socket. Node 20 cuts a path that is too long, and uses another socket. */
export function socketPathProblem(path: string): string | undefined {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return undefined;
  return `is a path of ${bytes} bytes, and a Unix socket's has at most ${MAX_SOCKET_PATH_BYTES}; use a shorter one`;
}
