import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where to listen: a host (unset: every address, IPv6 and IPv4) and a port (0: a free one). */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
  /** A socket that listens already, of systemd's; then the others don't matter. */
  readonly fd?: number | undefined;
}

/**
 * Listens, and resolves when connections are accepted.
 *
 * @returns the address that was taken.
 * @throws {Error} that says what to do about it when the address can't be had.
 */
export async function listen(server: Server, { host, port, fd }: ListenAddress): Promise<AddressInfo> {
  if (fd !== undefined) server.listen({ fd });
  else server.listen(host === undefined ? { port } : { host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new Error(explain(error as NodeJS.ErrnoException, host ?? '*', port), { cause: error });
  }
  return server.address() as AddressInfo;
}

function explain({ code = 'error' }: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `can't listen on ${host}:${port} (${code})`;
  switch (code) {
    case 'EADDRINUSE':
      return `${where}: another process does. Stop it, or choose another port`;
    case 'EACCES':
      return `${where}: ports below 1024 need privileges. Choose one above, and let a proxy take 80 and 443`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${where}: this machine has no such address`;
    default:
      return where;
  }
}
