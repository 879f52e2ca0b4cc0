import { createServer, type Server } from 'node:http';

/** Where metrics come from: one process's registry, or a cluster's workers added up. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** Serves `/metrics` for Prometheus, and nothing else, on a port of its own that is not for the public. */
export function createAdminServer(source: MetricsSource): Server {
  return createServer((req, res) => {
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
