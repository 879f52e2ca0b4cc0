// As many routes as BENCH_ROUTES says, in features of BENCH_PER_FEATURE each: for this template and for bare Express.

/**
 * @param router - where the features are mounted.
 * @param newRouter - makes a feature's.
 * @param add - adds a route at a path to a feature's router.
 */
export function addManyRoutes(router, newRouter, add) {
  const { routes, perFeature } = wanted();
  for (let first = 1; first <= routes; first += perFeature) {
    const feature = newRouter();
    for (let i = first; i < first + perFeature; i++) add(feature, `/route-${i}`);
    router.use(`/feature-${first}`, feature);
  }
}

/** Below /bench. */
export function pathOfLast({ routes, perFeature }) {
  return `/bench/feature-${routes - perFeature + 1}/route-${routes}`;
}

function wanted() {
  const { BENCH_ROUTES = 0, BENCH_PER_FEATURE = 1 } = process.env;
  return { routes: Number(BENCH_ROUTES), perFeature: Number(BENCH_PER_FEATURE) };
}
