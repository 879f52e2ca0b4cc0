import { headersOf, requestFor } from './load.mjs';
import { median } from './measure.mjs';

const request = requestFor('/bench/work', headersOf());

/** Requests a second that one worker and two take, on a route that needs nothing but CPU. */
export async function measureCluster(start, { load, rounds, milliseconds, say }) {
  const clusters = [await start.cluster(1), await start.cluster(2)];
  try {
    const rates = [[], []];
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const [i, { port }] of clusters.entries()) {
        say(`cluster, ${i + 1} of 2 workers, round ${round} of ${rounds}`);
        const result = await load.run({ port, request, milliseconds });
        if (result.errors > 0) throw new Error(`cluster: ${result.errors} errors`);
        if (round > 0) rates[i].push((result.requests / result.milliseconds) * 1000);
      }
    }
    const ratios = rates[1].map((rate, round) => rate / rates[0][round]);
    return { one: median(rates[0]), two: median(rates[1]), ratio: median(ratios), best: Math.max(...ratios) };
  } finally {
    for (const cluster of clusters) await cluster.stop();
  }
}
