import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installApp } from './app-under-test.mjs';
import { temporaryDirectory } from './leftovers.mjs';
import { Load } from './load.mjs';
import { assertCanOpen, assertCanRun } from './needs.mjs';
import { startRedis } from './redis.mjs';
import { servers } from './servers.mjs';

/**
 * Prepares a measurement, lets it run, and cleans up.
 *
 * @param packages - what it needs.
 * @param openFiles - how many connections a process has open.
 * @param measure - given all it works with; what it leaves in `running` when it fails is stopped.
 * @returns what `measure` does.
 * @throws {Refusal} when something it needs is missing.
 */
export async function run({ packages, openFiles = 0, options }, measure) {
  assertCanRun(packages);
  assertCanOpen(openFiles);
  const directory = await temporaryDirectory('bench');
  const running = {};
  const load = new Load();
  let redis;
  let result;
  try {
    if (packages.includes('redis-server')) redis = await startRedis(directory);
    const app = await installApp(join(directory, 'app'));
    const start = servers({ app, directory, redisUrl: redis?.url });
    result = await measure({ start, running, context: { ...options, load, directory, app, say } });
    say('');
  } finally {
    load.stop();
    for (const server of Object.values(running)) await server.stop();
    await redis?.stop();
  }
  await rm(directory, { recursive: true });
  return result;
}

/** What goes on, on one line of the terminal. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
