// npm run bench [-- --quick | --json | --only=proxied,list | --rounds=9 | --svg=docs/performance.svg]
// What the template costs, measured beside bare Express in the same run. docs/performance.md tells what came out.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installApp } from './lib/app-under-test.mjs';
import { chart } from './lib/chart.mjs';
import { measureCluster } from './lib/cluster.mjs';
import { Load } from './lib/load.mjs';
import { measureRows } from './lib/measure.mjs';
import { measureMicroCache } from './lib/nginx.mjs';
import { readOptions } from './lib/options.mjs';
import { measureOverload } from './lib/overload.mjs';
import { startRedis } from './lib/redis.mjs';
import { summarize, table } from './lib/report.mjs';
import { rows } from './lib/rows.mjs';
import { servers } from './lib/servers.mjs';
import { measureMemory, measureStart } from './lib/start-and-memory.mjs';

const options = readOptions(process.argv.slice(2));
const directory = await mkdtemp(join(tmpdir(), 'bench-'));
const running = {};
const load = new Load();
const redis = await startRedis(directory);
try {
  const summary = await measure();
  if (options.svg) await writeFile(options.svg, chart(summary));
  console.log(options.json ? JSON.stringify(summary, null, 2) : table(summary));
} finally {
  load.stop();
  for (const server of Object.values(running)) await server.stop();
  await redis.stop();
}
// Only now is every line written.
for (const server of Object.values(running)) await server.countLines();
await rm(directory, { recursive: true });

async function measure() {
  const app = await installApp(join(directory, 'app'));
  const start = servers({ app, directory, redisUrl: redis.url });
  const wanted = rows.filter(({ id }) => !options.only || options.only.has(id) || id === 'bare');
  const names = new Set(wanted.map(({ server }) => server));
  if (options.extras.has('memory') || options.extras.has('nginx')) names.add('proxied');
  const context = { ...options, load, directory, say };

  const extras = {};
  const extra = async (id, measureExtra) => (options.extras.has(id) ? measureExtra() : undefined);
  // Alone on the machine, before the servers of the rows are there.
  extras.start = await extra('start', () => measureStart(start, context));
  extras.cluster = await extra('cluster', () => measureCluster(start, context));
  extras.overload = await extra('overload', () => measureOverload(start, { ...context, milliseconds: 8000 }));
  for (const name of names) running[name] = await start[name]();
  const measured = await measureRows(wanted, { ...context, started: running });
  extras.memory = await extra('memory', () => measureMemory(running));
  extras.microCache = await extra('nginx', () => measureMicroCache(running.proxied, context));
  say('');
  return summarize(measured, extras, options);
}

/** What goes on, on one line of the terminal. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
