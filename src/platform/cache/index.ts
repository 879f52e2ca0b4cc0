export type { Cache } from './cache.ts';
export { type Loader, responseCache } from './response-cache.ts';
