import { headersOf, requestFor } from './load.mjs';
import { errorOfMedian, median } from './statistics.mjs';

/** How long one cluster is measured before it is the other's turn, in milliseconds. */
const TURN_MS = 500;

/** Few, so that at the end of a turn no worker has more left to answer than the other for long. */
const CONNECTIONS = 8;

const request = requestFor('/bench/work', headersOf());

/** Requests a second that one worker and two take, on a route that needs nothing but CPU. */
export async function measureCluster(start, { load, rounds, milliseconds, say }) {
  const clusters = [await start.cluster(1), await start.cluster(2)];
  try {
    const rates = [[], []];
    const turns = Math.max(1, Math.round((rounds * milliseconds) / TURN_MS));
    const answersOf = ({ port }, time) =>
      load.run({ port, request, connections: CONNECTIONS, milliseconds: time });
    for (const cluster of clusters) await answersOf(cluster, milliseconds);
    for (let turn = 1; turn <= turns; turn++) {
      for (const [i, cluster] of clusters.entries()) {
        say(`cluster, ${i + 1} of 2 workers, turn ${turn} of ${turns}`);
        const result = await answersOf(cluster, Math.min(TURN_MS, milliseconds));
        if (result.errors > 0) throw new Error(`cluster: ${result.errors} errors`);
        rates[i].push((result.requests / result.milliseconds) * 1000);
      }
    }
    const ratios = rates[1].map((rate, turn) => rate / rates[0][turn]);
    return {
      one: median(rates[0]),
      two: median(rates[1]),
      ratio: median(ratios),
      error: errorOfMedian(ratios),
    };
  } finally {
    for (const cluster of clusters) await cluster.stop();
  }
}
