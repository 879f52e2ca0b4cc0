// npm run soak [-- requests]: two million requests, and what has grown meanwhile: memory, open files, errors.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installApp } from './lib/app-under-test.mjs';
import { ask } from './lib/check.mjs';
import { Load, headersOf, requestFor } from './lib/load.mjs';
import { startRedis } from './lib/redis.mjs';
import { servers } from './lib/servers.mjs';

const PATHS = [
  '/bench/hello',
  '/bench/list',
  '/bench/session',
  '/api/companies/71',
  '/api/companies?page=2',
  '/nope',
];
const SAMPLES = 20;

const total = Number(process.argv[2] ?? 2_000_000);
const directory = await mkdtemp(join(tmpdir(), 'soak-'));
const redis = await startRedis(directory);
const load = new Load();
const app = await installApp(join(directory, 'app'));
const server = await servers({ app, directory, redisUrl: redis.url }).proxied();
const samples = [];
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
  }
} finally {
  load.stop();
  await server.stop();
  await redis.stop();
  await rm(directory, { recursive: true });
}
const half = samples.slice(SAMPLES / 2);
const growth = half.at(-1).rssMib - half[0].rssMib;
const files = half.at(-1).openFiles - half[0].openFiles;
console.log(`second half: ${growth.toFixed(1)} MiB, ${files} files more; ${errors} errors`);
// A heap breathes: what it may have gained within a million requests by chance is less than 10 MiB.
process.exitCode = growth > 10 || files > 2 || errors > 0 ? 1 : 0;
