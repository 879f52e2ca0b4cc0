// npm run soak [-- requests]: two million requests, and what has grown meanwhile: memory, open files, errors.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installApp } from './lib/app-under-test.mjs';
import { ask } from './lib/check.mjs';
import { temporaryDirectory } from './lib/leftovers.mjs';
import { Load, headersOf, requestFor } from './lib/load.mjs';
import { startRedis } from './lib/redis.mjs';
import { servers } from './lib/servers.mjs';
import { REST_MS } from './lib/start-and-memory.mjs';

const PATHS = ['/bench/hello', '/bench/list', '/bench/session', '/bench/page', '/nope'];
const SAMPLES = 20;

const total = Number(process.argv[2] ?? 2_000_000);
const directory = await temporaryDirectory('soak');
const redis = await startRedis(directory);
const load = new Load();
const app = await installApp(join(directory, 'app'));
const server = await servers({ app, directory, redisUrl: redis.url }).proxied();
const samples = [];
const atRest = [];
let errors = 0;
try {
  const login = await ask(server, '/bench/login', headersOf());
  const cookie = login.headers['set-cookie'][0].split(';', 1)[0];
  for (let i = 0; i < SAMPLES; i++) {
    for (const path of PATHS) {
      const request = requestFor(path, headersOf({ cookie: path === '/bench/session' ? cookie : undefined }));
      const requests = Math.ceil(total / SAMPLES / PATHS.length);
      const result = await load.run({ port: server.port, request, requests });
      errors += result.errors + (result.statuses[500] ?? 0) + (result.statuses[503] ?? 0);
    }
    await sleep(1000);
    const sample = { requests: Math.round((total / SAMPLES) * (i + 1)), rssMib: await server.rssMib() };
    samples.push({ ...sample, openFiles: await server.openFiles() });
    console.log(
      `${sample.requests} requests: ${sample.rssMib.toFixed(0)} MiB, ${samples.at(-1).openFiles} open files`,
    );
    if (i + 1 === SAMPLES / 2 || i + 1 === SAMPLES) atRest.push(await rest());
  }
} finally {
  load.stop();
  await server.stop();
  await redis.stop();
  await rm(directory, { recursive: true });
}
const growth = atRest[1] - atRest[0];
const files = samples.at(-1).openFiles - samples[SAMPLES / 2 - 1].openFiles;
console.log(`second half: ${growth.toFixed(1)} MiB more at rest, ${files} files more; ${errors} errors`);
// What is left at rest varies by some MiB from one time to the next; a leak of 10 bytes a request would be 10 MB.
process.exitCode = growth > 10 || files > 2 || errors > 0 ? 1 : 0;

/**
 * Memory at rest, in MiB. Under load V8 keeps garbage, and takes more room for young objects in large steps, whenever many
 * happen to live on: only what is left after a rest tells what is held.
 */
async function rest() {
  await sleep(REST_MS);
  const rssMib = await server.rssMib();
  console.log(`at rest: ${rssMib.toFixed(0)} MiB`);
  return rssMib;
}
