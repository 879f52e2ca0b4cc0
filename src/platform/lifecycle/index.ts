export type { Lifecycle } from './lifecycle.ts';
export type { AppParts } from './app-parts.ts';
export { startServer } from './serve.ts';
export type { ShutdownHook } from './shutdown-hooks.ts';
