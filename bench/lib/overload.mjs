import { headersOf, requestFor } from './load.mjs';
import { pin } from './pin.mjs';

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
    await pin([server], load);
    const before = await capacityOf(load, closed);
    const options = { port: server.port, request, connections: CONNECTIONS, rate: 3 * before, milliseconds };
    const result = await load.run(options);
    // A shared machine may be faster or slower by then.
    const capacity = (before + (await capacityOf(load, closed))) / 2;
    results[name] = {
      capacity,
      servedPerSecond: perSecond(result.statuses[200], result),
      refusedPerSecond: perSecond(result.statuses[503], result),
      p50: result.p50,
      p99: result.p99,
      errors: result.errors,
      unsent: result.unsent,
    };
    await server.stop();
  }
  return results;
}

/** Requests per second that it takes when each connection waits for its response. */
async function capacityOf(load, closed) {
  const result = await load.run({ ...closed, milliseconds: 2000 });
  return perSecond(result.statuses[200], result);
}

function perSecond(count = 0, { milliseconds }) {
  return (count / milliseconds) * 1000;
}
