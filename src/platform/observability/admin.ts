import { createServer, type IncomingMessage, type Server } from 'node:http';
import { hostName, isLoopback } from '../config/addresses.ts';

/** Where metrics come from: one process's registry, or a cluster's workers added up. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** Its settings: the address it listens on, and the names it is asked by beside that one and loopback. */
export interface AdminHosts {
  readonly ADMIN_HOST: string;
  readonly ADMIN_ALLOWED_HOSTS: readonly string[];
}

/**
 * Serves `/metrics` for Prometheus, and nothing else, on a port of its own that is not for the public.
 *
 * It has no password, so it must not be asked by another name: a page of any site can have its own name resolved to
 * this machine's address, and would then read what its visitor's browser may reach (DNS rebinding).
 */
export function createAdminServer(source: MetricsSource, hosts: AdminHosts): Server {
  const allowed = new Set([hosts.ADMIN_HOST, ...hosts.ADMIN_ALLOWED_HOSTS].map(hostName));
  return createServer((req, res) => {
    const name = askedFor(req);
    if (name === undefined || !(isLoopback(name) || allowed.has(name))) {
      res.writeHead(421, { 'Content-Type': 'text/plain' });
      res.end('This server is not known by that Host. Add its name to ADMIN_ALLOWED_HOSTS.\n');
      return;
    }
    if (req.url?.split('?', 1)[0] !== '/metrics' || req.method !== 'GET') {
      res.writeHead(404).end();
      return;
    }
    source.metrics().then(
      (text) => res.writeHead(200, { 'Content-Type': source.contentType }).end(text),
      () => res.writeHead(500).end(),
    );
  });
}

/** Where there are several Host headers, each program may read another one. */
function askedFor({ headersDistinct: { host = [] } }: IncomingMessage): string | undefined {
  return host.length === 1 ? hostName(host[0] ?? '') : undefined;
}
