import { keepCompiledModules } from './runtime/compile-cache.ts';

// The entry of one process. What it runs is in serve.ts: loaded only now, or it would not be kept.
keepCompiledModules();
const { serve } = await import('./serve.ts');
await serve();
