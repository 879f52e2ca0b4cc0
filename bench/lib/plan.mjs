import { EXTRAS } from './extras.mjs';
import { rows } from './rows.mjs';
import { WITH_REDIS } from './servers.mjs';

/** What it takes to measure the wanted rows and extras: the rows, bare Express first, and the packages that must be installed. */
export function plan({ only, extras }) {
  const ids = new Set(['bare', ...(only ?? rows.map(({ id }) => id))]);
  // A row is compared to another: unmeasured, it could not be.
  for (const { id, same } of rows) if (same && ids.has(id)) ids.add(same);
  const wantedRows = rows.filter(({ id }) => ids.has(id));
  const packages = Object.entries(EXTRAS).flatMap(([id, extra]) =>
    extras.has(id) ? (extra.packages ?? []) : [],
  );
  if (wantedRows.some(({ server }) => WITH_REDIS.has(server))) packages.push('redis-server');
  return { rows: wantedRows, packages: [...new Set(packages)] };
}
