import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders, type RequestOptions } from 'node:http';
import { createMetrics } from '../../src/platform/observability/metrics.ts';
import { responseCache, type Cached } from '../../src/platform/cache/response-cache.ts';
import type { Cache } from '../../src/platform/cache/cache.ts';
import { createCache } from '../../src/platform/cache/layered.ts';
import { silent } from './caches.ts';

/** A response cache for tests, in memory unless a cache is given. */
export function cachedRoutes({
  cache = createCache({ logger: silent, prefix: 'test:', maxBytes: 8 * 1024 * 1024 }),
  compression = true,
  timeoutMs = 30_000,
}: { cache?: Cache; compression?: boolean; timeoutMs?: number } = {}) {
  const metrics = createMetrics({ defaults: false });
  const sessionCookies = ['sid', '__Host-sid'];
  const cached: Cached = responseCache({ cache, sessionCookies, compression, timeoutMs, metrics });
  return { cache, metrics, cached };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As it came over the wire: fetch would decompress it. */
  readonly body: Buffer;
}

/** One request, with nothing added to its headers and nothing taken from its response. */
export function ask(
  url: string,
  options: Pick<RequestOptions, 'method'> & { headers?: OutgoingHttpHeaders } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
