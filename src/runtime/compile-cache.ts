import module from 'node:module';
import { projectPath } from '../config/paths.ts';

/** From Node 22.10 on; before, there is none, and starts are slower. */
interface CompileCache {
  enableCompileCache?: (directory: string) => unknown;
  flushCompileCache?: () => void;
}

const cache = module as unknown as CompileCache;

/**
 * Has Node keep what V8 made of each module, for the next process that loads it: a worker that replaces another, a
 * restart. What is loaded before this call is not in it.
 *
 * Inside of the project, because whoever can write there can change the code anyway; Node's own choice, the folder for
 * temporary files, is open to every user of the host. Where the project can't be written, nothing is kept; then
 * NODE_COMPILE_CACHE, which wins, may name another folder.
 *
 * @see https://nodejs.org/api/module.html#module-compile-cache
 */
export function keepCompiledModules(): void {
  // eslint-disable-next-line n/no-unsupported-features/node-builtins -- where Node has it
  cache.enableCompileCache?.(projectPath('node_modules', '.cache', 'node-compile'));
}

/**
 * Writes down what was compiled so far. Node would do that when the process ends: too late for the workers that start
 * beside it. It takes as long as a few requests the first time, and next to nothing once all is there.
 */
export function storeCompiledModules(): void {
  // eslint-disable-next-line n/no-unsupported-features/node-builtins -- where Node has it
  cache.flushCompileCache?.();
}
