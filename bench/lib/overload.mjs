import { headersOf, requestFor } from './load.mjs';

const request = requestFor('/bench/work', headersOf());

/** More connections than the process may keep busy, so that requests come whatever it does. */
const CONNECTIONS = 3000;

/**
 * Three times as many requests as the process can serve, that do not wait for each other: with its protection and
 * without.
 */
export async function measureOverload(start, { load, milliseconds, say }) {
  const results = {};
  for (const name of ['alone', 'unprotected']) {
    say(`three times too much, ${name}`);
    const server = await start[name]();
    const closed = { port: server.port, request, connections: 16 };
    await load.run({ ...closed, milliseconds: 1500 });
    const { requests, milliseconds: took } = await load.run({ ...closed, milliseconds: 2000 });
    const capacity = (requests / took) * 1000;
    const rate = capacity * 3;
    const result = await load.run({
      port: server.port,
      request,
      connections: CONNECTIONS,
      rate,
      milliseconds,
    });
    results[name] = {
      capacity,
      servedPerSecond: ((result.statuses[200] ?? 0) / result.milliseconds) * 1000,
      refusedPerSecond: ((result.statuses[503] ?? 0) / result.milliseconds) * 1000,
      p50: result.p50,
      p99: result.p99,
      errors: result.errors,
      unsent: result.unsent,
    };
    await server.stop();
  }
  return results;
}
