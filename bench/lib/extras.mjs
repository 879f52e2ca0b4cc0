/** The measurements that are no CPU time a request, by id. `packages`: what must be installed. */
export const EXTRAS = {
  start: { what: 'from exec to the first answer' },
  memory: { what: 'memory at rest after load', packages: ['redis-server'] },
  cluster: { what: 'two workers against one', packages: ['redis-server'] },
  operations: { what: 'what the operations page costs', packages: ['redis-server'] },
  nginx: { what: "nginx' micro-cache against the app", packages: ['nginx', 'redis-server'] },
  overload: { what: 'three times as many requests as it can take', packages: ['redis-server'] },
};

/** What came out of them, each as a row: what, how much, and what it should be. */
export function extraRows({ start, memory, cluster, operations, microCache, overload }) {
  const rows = [];
  if (start) {
    rows.push({
      title: 'start: exec to /readyz, against bare Express',
      value: `${start.ratio.toFixed(2)} × (${start.thisMs.toFixed(0)} against ${start.bareMs.toFixed(0)} ms)`,
      ratio: start.ratio,
      most: 1.7,
      aim: 1.3,
    });
  }
  if (memory) {
    rows.push({
      title: 'memory at rest after load, above bare Express',
      value: `${memory.aboveMib.toFixed(0)} MiB (${memory.thisMib.toFixed(0)} against ${memory.bareMib.toFixed(0)}; the usual stack ${memory.usualMib.toFixed(0)})`,
      ratio: memory.aboveMib,
      most: 30,
      aim: 15,
    });
  }
  if (cluster) {
    rows.push({
      title: 'requests/s of 2 workers against 1, CPU-bound',
      value: `${cluster.ratio.toFixed(2)} × (${cluster.two.toFixed(0)} against ${cluster.one.toFixed(0)}; ± ${cluster.error.toFixed(2)})`,
      ratio: cluster.ratio,
      least: 1.85,
      aim: 1.97,
    });
  }
  for (const [name, title] of Object.entries(OPERATIONS))
    if (operations) rows.push(shareRow(title, operations[name]));
  if (microCache) {
    rows.push({
      title: "requests/s of nginx' micro-cache against the app",
      value: `${microCache.ratio.toFixed(1)} × (${microCache.nginx.toFixed(0)} against ${microCache.app.toFixed(0)})`,
      ratio: microCache.ratio,
      least: 3,
      aim: 6,
    });
  }
  if (overload) rows.push(...overloadRows(overload));
  return rows;
}

const OPERATIONS = {
  none: 'CPU per request with the operations page, nobody watching',
  one: 'the same, one page open',
  ten: 'the same, ten pages open',
};

function shareRow(title, { ratio, error }) {
  const percent = (100 * (ratio - 1)).toFixed(1);
  return { title, value: `${ratio < 1 ? '' : '+'}${percent} % (± ${(100 * error).toFixed(1)})` };
}

/** With the limits of the app, which have bars to reach, and without. */
function overloadRows({ alone, unprotected }) {
  return [
    {
      title: '3 × too many requests: p99 of what is served',
      value: waits(alone),
      ratio: alone.p99,
      most: 600,
    },
    {
      title: 'the same: served, as a share of capacity',
      value: goodput(alone),
      ratio: (100 * alone.servedPerSecond) / alone.capacity,
      least: 95,
    },
    {
      title: 'the same, nothing refused (limits off)',
      value: `${waits(unprotected)}; ${goodput(unprotected)}`,
    },
  ];
}

function waits({ p50, p99 }) {
  return `${p99?.toFixed(0)} ms (median ${p50?.toFixed(0)})`;
}

function goodput({ capacity, servedPerSecond, refusedPerSecond }) {
  const [served, refused] = [servedPerSecond, refusedPerSecond].map((rate) => rate.toFixed(0));
  const percent = ((100 * servedPerSecond) / capacity).toFixed(0);
  return `${percent} % (${served}/s of ${capacity.toFixed(0)}; ${refused}/s refused)`;
}
