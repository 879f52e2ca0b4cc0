export type { Cache, CacheOptions } from './cache.ts';
export { type Loader, responseCache } from './response-cache.ts';
