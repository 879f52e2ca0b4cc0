import { EXTRAS } from './extras.mjs';
import { rows } from './rows.mjs';
import { WITH_REDIS } from './servers.mjs';

/** What it takes to measure the wanted rows and extras: the rows, the servers, and the packages that must be installed. */
export function plan({ only, extras }) {
  const wantedExtras = Object.entries(EXTRAS).flatMap(([id, extra]) => (extras.has(id) ? [extra] : []));
  const ids = new Set(['bare', ...(only ?? rows.map(({ id }) => id))]);
  for (const { rows: needed = [] } of wantedExtras) needed.forEach((id) => ids.add(id));
  // A row is compared to another: unmeasured, it could not be.
  for (const { id, same } of rows) if (same && ids.has(id)) ids.add(same);
  const wantedRows = rows.filter(({ id }) => ids.has(id));
  const names = [...wantedRows.map(({ server }) => server), ...gather(wantedExtras, 'servers')];
  const packages = gather(wantedExtras, 'packages');
  if (names.some((name) => WITH_REDIS.has(name))) packages.push('redis-server');
  return { rows: wantedRows, servers: new Set(names), packages: [...new Set(packages)] };
}

function gather(things, key) {
  return things.flatMap((thing) => thing[key] ?? []);
}
