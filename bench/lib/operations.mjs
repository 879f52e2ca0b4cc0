import { get } from 'node:http';
import { headersOf, requestFor } from './load.mjs';
import { OPERATIONS_TOKEN } from './servers.mjs';
import { errorOfMedian, median } from './statistics.mjs';

/** The page gets one update per second. */
const TURN_MS = 1000;

const request = requestFor('/bench/hello', headersOf());

/** How many pages are open, by what the result is called. */
const VIEWERS = { none: 0, one: 1, ten: 10 };

/**
 * What the operations page adds to the CPU time per request of a cluster with one worker, its primary included: compared in
 * turns to a cluster without one (ADMIN_PORT=0).
 */
export async function measureOperations(start, { load, rounds, say }) {
  const off = await start.cluster(1);
  const on = await start.withOperations();
  const measure = async (server, milliseconds = TURN_MS) => {
    const before = await server.cpuMicros();
    const { requests } = await load.run({ port: server.port, request, milliseconds });
    return ((await server.cpuMicros()) - before) / requests;
  };
  try {
    for (const server of [off, on]) await measure(server, 4 * TURN_MS);
    const shares = { none: [], one: [], ten: [] };
    for (let round = 0; round < rounds; round++) {
      for (const [name, count] of Object.entries(VIEWERS)) {
        say(`operations page, ${count} open, round ${round + 1} of ${rounds}`);
        const without = await measure(off);
        const close = await open(on.adminPort, count);
        shares[name].push((await measure(on)) / without);
        close();
      }
    }
    const result = (list) => ({ ratio: median(list), error: errorOfMedian(list) });
    return Object.fromEntries(Object.entries(shares).map(([name, list]) => [name, result(list)]));
  } finally {
    await off.stop();
    await on.stop();
  }
}

/** Opens event streams, as pages do. @returns what closes them. */
async function open(port, count) {
  const streams = Array.from({ length: count }, () => stream(port));
  await Promise.all(streams.map(({ begun }) => begun));
  return () => streams.forEach(({ req }) => req.destroy());
}

function stream(port) {
  const headers = { Authorization: `Bearer ${OPERATIONS_TOKEN}` };
  const req = get({ host: '127.0.0.1', port, path: '/events', headers, agent: false });
  req.on('error', () => undefined);
  const begun = new Promise((resolve, reject) => {
    req.once('response', (res) => {
      if (res.statusCode !== 200) reject(new Error(`/events: ${res.statusCode}`));
      res.on('error', () => undefined);
      res.once('data', resolve);
      res.resume();
    });
  });
  return { req, begun };
}
