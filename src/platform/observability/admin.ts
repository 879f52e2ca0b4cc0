import { createServer, type Server } from 'node:http';
import { hostName, isLoopback } from '../config/addresses.ts';
import type { PlatformConfig } from '../config/settings.ts';

/** One process's registry, or the sum of a cluster's workers. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/**
 * Serves `/metrics` for Prometheus, and nothing else, on a port of its own that is not for the public.
 *
 * It has no password, so it responds to loopback, ADMIN_HOST and ADMIN_ALLOWED_HOSTS only: a page of any site can have its
 * own name resolved to this machine's address, and would then read what its visitor's browser can reach (DNS rebinding).
 */
export function createAdminServer(
  source: MetricsSource,
  { ADMIN_HOST, ADMIN_ALLOWED_HOSTS }: Pick<PlatformConfig, 'ADMIN_HOST' | 'ADMIN_ALLOWED_HOSTS'>,
): Server {
  const allowed = new Set([ADMIN_HOST, ...ADMIN_ALLOWED_HOSTS].map(hostName));
  return createServer((req, res) => {
    // Several Host headers: each program may read another one.
    const { host = [] } = req.headersDistinct;
    const name = host.length === 1 ? hostName(host[0] ?? '') : undefined;
    if (name === undefined || !(isLoopback(name) || allowed.has(name))) {
      res.writeHead(421, { 'Content-Type': 'text/plain' });
      res.end('This server does not serve that Host. Add its name to ADMIN_ALLOWED_HOSTS.\n');
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
