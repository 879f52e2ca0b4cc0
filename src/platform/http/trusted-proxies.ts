import type { Express } from 'express';
import { LRUCache } from 'lru-cache';
import type { PlatformConfig } from '../config/settings.ts';

/** More proxies than anybody has. Clients can invent addresses, in X-Forwarded-For. */
const MAX_ADDRESSES = 1000;

/** Of an IPv6 address with a zone. */
const MAX_ADDRESS_LENGTH = 64;

/**
 * Express's setting, with a memory: Express parses the address and the list of proxies three times per request, 2 µs in
 * all; behind a proxy it is the same few addresses for years.
 */
export function trustProxies(app: Express, proxies: PlatformConfig['TRUST_PROXY']): void {
  app.set('trust proxy', proxies);
  if (typeof proxies !== 'object') return;
  const trusts = app.get('trust proxy fn') as (address: string, hop: number) => boolean;
  const known = new LRUCache<string, boolean>({ max: MAX_ADDRESSES });
  app.set('trust proxy', (address: string | undefined, hop: number) => {
    // A closed connection has none.
    if (address === undefined || address.length > MAX_ADDRESS_LENGTH) return false;
    const before = known.get(address);
    if (before !== undefined) return before;
    const isTrusted = trusts(address, hop);
    known.set(address, isTrusted);
    return isTrusted;
  });
}
