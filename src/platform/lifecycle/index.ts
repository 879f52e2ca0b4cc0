export type { Lifecycle } from './lifecycle.ts';
export { openApp, type AppParts, type OpenApp } from './app-parts.ts';
export { startServer } from './serve.ts';
export type { ShutdownHook } from './shutdown.ts';
