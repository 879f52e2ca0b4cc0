// npm run bench: what the template costs, measured beside bare Express in the same run. docs/performance.md tells what
// came out; npm run bench -- --help, what can be asked for.
import { writeFile } from 'node:fs/promises';
import { chart } from './lib/chart.mjs';
import { peersChart } from './lib/chart-peers.mjs';
import { scalesChart } from './lib/chart-scale.mjs';
import { measureCluster } from './lib/cluster.mjs';
import { help } from './lib/help.mjs';
import { measureLayer } from './lib/measure-layers.mjs';
import { installPeers } from './lib/install-peers.mjs';
import { measurePeers } from './lib/measure-peers.mjs';
import { measureRows } from './lib/measure-rows.mjs';
import { measureScale } from './lib/measure-scale.mjs';
import { end } from './lib/measure.mjs';
import { measureMicroCache } from './lib/nginx.mjs';
import { measureOperations } from './lib/operations.mjs';
import { readOptions } from './lib/options.mjs';
import { measureOverload } from './lib/overload.mjs';
import { planLayers } from './lib/plan-layers.mjs';
import { peers } from './lib/peers.mjs';
import { plan } from './lib/plan.mjs';
import { Refusal } from './lib/refusal.mjs';
import { layersTable, summarizeLayers } from './lib/report-layers.mjs';
import { peersTable, summarizePeers } from './lib/report-peers.mjs';
import { scalesTable, summarizeScales } from './lib/report-scale.mjs';
import { summarize, table } from './lib/report.mjs';
import { run } from './lib/run.mjs';
import { planScales } from './lib/scale.mjs';
import { measureMemory, measureStart } from './lib/start-and-memory.mjs';

const KINDS = {
  rows: [benchRows, table, chart],
  layers: [benchLayers, layersTable],
  peers: [benchPeers, peersTable, peersChart],
  scale: [benchScale, scalesTable, scalesChart],
};

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 2;
}

async function main(options) {
  if (options.help) {
    console.log(help());
    return;
  }
  const [bench, print, draw] = KINDS[options.kind];
  const summary = await bench(options);
  if (options.svg) await writeFile(options.svg, draw(summary));
  console.log(options.json ? JSON.stringify(summary, null, 2) : print(summary));
}

async function benchRows(options) {
  const { rows, packages } = plan(options);
  return run({ packages, options }, async (bench) => {
    const { start, running, context } = bench;
    const extras = {};
    const extra = async (id, measure) => (options.extras.has(id) ? measure() : undefined);
    const often = { ...context, rounds: 2 * context.rounds };
    // Alone on the machine, before the servers of the rows are there.
    extras.start = await extra('start', () => measureStart(start, often));
    extras.cluster = await extra('cluster', () => measureCluster(start, often));
    extras.operations = await extra('operations', () => measureOperations(start, often));
    extras.overload = await extra('overload', () =>
      measureOverload(start, { ...context, milliseconds: 8000 }),
    );
    extras.memory = await extra('memory', () => measureMemory(bench));
    extras.microCache = await extra('nginx', async () => {
      running.proxied = await start.proxied();
      return measureMicroCache(running.proxied, often);
    });
    await end(running);
    return summarize(await measureRows(rows, bench), extras, options);
  });
}

async function benchLayers(options) {
  const { plans, packages } = planLayers(options);
  return run({ packages, options }, async (bench) => {
    const measured = [];
    for (const plan of plans) measured.push({ layer: plan.layer, turns: await measureLayer(plan, bench) });
    return summarizeLayers(measured, options);
  });
}

async function benchPeers(options) {
  const wanted = peers.filter(({ id }) => options.only?.has(id) ?? true);
  await installPeers();
  return run({ packages: ['redis-server'], options }, async (bench) =>
    summarizePeers(await measurePeers(wanted, bench), options),
  );
}

async function benchScale(options) {
  const scales = planScales(options);
  const connections = Math.max(
    ...scales.filter(({ id }) => id === 'connections').flatMap(({ sizes }) => sizes),
  );
  return run({ packages: ['redis-server'], openFiles: connections, options }, async (bench) => {
    const measured = [];
    for (const scale of scales) measured.push({ scale, sizes: await measureScale(scale, bench) });
    return summarizeScales(measured, options);
  });
}
