import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { endsWithThis } from './leftovers.mjs';
import { findProgram } from './needs.mjs';
import { accepts, cpuMicrosOf, freePort } from './server-process.mjs';

/** A redis-server of the benchmark's own, without persistence. */
export async function startRedis(directory) {
  const port = await freePort();
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const child = endsWithThis(spawn(findProgram('redis-server'), args, { stdio: 'ignore' }));
  let failure;
  child.on('error', (error) => (failure = error));
  for (let attempt = 0; attempt < 200 && !failure; attempt++) {
    if (await accepts(port)) {
      return {
        url: `redis://127.0.0.1:${port}`,
        pid: child.pid,
        cpuMicros: () => cpuMicrosOf(child.pid),
        stop: () => stop(child),
      };
    }
    await sleep(25);
  }
  throw new Error('redis-server did not answer', { cause: failure });
}

async function stop(child) {
  child.kill('SIGTERM');
  await once(child, 'exit');
}
