import module from 'node:module';
import { projectPath } from './platform/config/index.ts';

// The entry of one process. Node (22.10 or later) keeps what it compiled for the next start. It does so in the project's
// folder, because its default, the folder for temporary files, is open to every user of the host. serve.ts is imported
// after this call: what is loaded before it is not kept.
// eslint-disable-next-line n/no-unsupported-features/node-builtins -- where Node has it
const { enableCompileCache } = module as { enableCompileCache?: (directory: string) => unknown };
enableCompileCache?.(projectPath('node_modules', '.cache', 'node-compile'));
const { serve } = await import('./serve.ts');
await serve();
