import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEFAULT_ADMIN_PORT, type PlatformConfig } from '../config/settings.ts';
import { isLoopback } from '../config/addresses.ts';
import type { Logger } from '../observability/logger.ts';

/** Where to listen: a host (unset: every address, IPv6 and IPv4) and a port (0: a free one). */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
  /** A socket of systemd's, which listens already; then the others don't matter. */
  readonly fd?: number | undefined;
}

/** The variables that set it, for messages. */
const APP = { host: 'HOST', port: 'PORT' };
const ADMIN = { host: 'ADMIN_HOST', port: 'ADMIN_PORT' };

/**
 * Listens, and resolves when connections are accepted.
 *
 * @returns the address that was taken.
 * @throws {Error} that names the variable to change when the address is not available.
 */
export async function listen(server: Server, address: ListenAddress, names = APP): Promise<AddressInfo> {
  const { host, port, fd } = address;
  try {
    // Throws at once for a port beyond 65,535.
    if (fd !== undefined) server.listen({ fd });
    else server.listen(host === undefined ? { port } : { host, port });
    await once(server, 'listening');
  } catch (error) {
    throw new Error(explain(error as NodeJS.ErrnoException, address, names), { cause: error });
  }
  // A connection that can't be accepted, for want of a descriptor: that must not end the process.
  server.on('error', () => {
    server.closeIdleConnections();
  });
  return server.address() as AddressInfo;
}

/**
 * Listens where ADMIN_HOST and ADMIN_PORT say, unless ADMIN_PORT is 0. In development a second app on this host gets a free
 * port where both have the default.
 *
 * @param options.offset - is added to the port, where several processes have one each.
 * @returns the port; undefined where there is none.
 */
export async function listenForMetrics(
  server: Server,
  config: Pick<PlatformConfig, 'NODE_ENV' | 'ADMIN_HOST' | 'ADMIN_PORT'>,
  logger: Logger,
  { offset = 0 } = {},
): Promise<number | undefined> {
  const { ADMIN_HOST: host, ADMIN_PORT } = config;
  if (ADMIN_PORT === 0) return undefined;
  const isDefault = ADMIN_PORT === DEFAULT_ADMIN_PORT && config.NODE_ENV !== 'production';
  try {
    const { port } = await listen(server, { host, port: ADMIN_PORT + offset }, ADMIN);
    return port;
  } catch (error) {
    if (!isDefault || !isTaken(error)) throw error;
    const { port } = await listen(server, { host, port: 0 }, ADMIN);
    logger.warn(
      { port },
      `ADMIN_PORT ${ADMIN_PORT} is taken: metrics are at http://localhost:${port}/metrics`,
    );
    return port;
  }
}

/** Where a browser finds it, and who can reach it. */
export function describeAddress({ address, port, family }: AddressInfo): string {
  if (['::', '0.0.0.0'].includes(address)) return `http://localhost:${port} (all addresses)`;
  const host = family === 'IPv6' ? `[${address}]` : address;
  if (!isLoopback(address)) return `http://${host}:${port}`;
  // localhost is these two, and none of the other addresses of loopback.
  const name = ['127.0.0.1', '::1'].includes(address) ? 'localhost' : host;
  return `http://${name}:${port} (this machine only; set HOST to change that)`;
}

function isTaken(error: unknown): boolean {
  return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE';
}

function explain(
  { code = 'error' }: NodeJS.ErrnoException,
  { host = '*', port, fd }: ListenAddress,
  names: typeof APP,
): string {
  if (fd !== undefined) return `can't listen on the socket that systemd passed (${code})`;
  const noAddress = `this machine has no such address. Set ${names.host} to one that it has`;
  const fixes: Readonly<Record<string, string>> = {
    EADDRINUSE: `another process does. Stop it, or set ${names.port} to another port`,
    EACCES: `ports below 1024 need privileges. Set ${names.port} to one above, and let a proxy take 80 and 443`,
    EADDRNOTAVAIL: noAddress,
    ENOTFOUND: noAddress,
  };
  return `can't listen on ${host}:${port} (${code}): ${fixes[code] ?? `check ${names.host} and ${names.port}`}`;
}
