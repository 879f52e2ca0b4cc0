import { companies } from './scale-companies.mjs';
import { cacheKeys, connections, features, routes, sessions } from './scale-sites.mjs';

/**
 * What a request costs as something grows. Each size is measured in turns with the base, and with bare Express where that
 * grows with it.
 *
 * - `what`: what is counted, for the table.
 * - `base`: the size that others are compared to; unset: the smallest.
 * - `open`: starts what a size is measured on (scale-sites.mjs).
 * - `isBeside`: the same routes are measured on bare Express.
 */
export const scales = [
  {
    id: 'connections',
    title: 'open connections, one request at a time',
    what: 'connections',
    sizes: [1, 10, 100, 1000, 10_000],
    open: connections,
  },
  {
    id: 'routes',
    title: 'routes in one feature, the last of them',
    what: 'routes in one feature',
    sizes: [1, 10, 100, 1000],
    isBeside: true,
    open: routes,
  },
  {
    id: 'features',
    title: 'routes, ten per feature, the last of them',
    what: 'routes, ten per feature',
    sizes: [10, 100, 1000],
    isBeside: true,
    open: features,
  },
  {
    id: 'sessions',
    title: 'sessions in Redis',
    what: 'sessions',
    sizes: [1, 10_000, 1_000_000],
    open: sessions,
  },
  {
    id: 'cache-keys',
    title: 'cached values in Redis (one: in memory)',
    what: 'cached values',
    sizes: [1, 10_000, 1_000_000],
    // A single one is in the memory of the process.
    base: 10_000,
    open: cacheKeys,
  },
  companies,
];

/** The largest with --quick. */
const QUICK_SIZE = 1000;

/** The scales that are wanted, with their sizes, the base first. */
export function planScales({ only, quick }) {
  const bounded = (size) => (quick ? Math.min(size, QUICK_SIZE) : size);
  return scales
    .filter(({ id }) => only?.has(id) ?? true)
    .map(({ base, ...scale }) => {
      const sizes = [...new Set(scale.sizes.map(bounded))];
      return { ...scale, sizes, base: bounded(base ?? sizes[0]) };
    });
}
