export type { Lifecycle } from './lifecycle.ts';
export { startServer, type AppParts } from './serve.ts';
