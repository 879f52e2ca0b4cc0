// What each size of a scale is measured on. Of each: `server`, and `bare` and `redis` where there are, what `requests` are put on
// it, the `path` and the `cookie` of the last of them, how many `connections` with how many requests `inFlight`, and how many
// `lines` the app has in its log already.
import { pathOfLast } from '../servers/many-routes.mjs';
import { ask } from './check.mjs';
import { copies, onlyKey } from './fill.mjs';
import { headersOf, requestFor } from './load.mjs';
import { HELLO } from './rows.mjs';
import { cookieOf, signedCookie } from './signed-cookie.mjs';

/** Requests for as many different sessions or values: enough that each one's turn comes late, and few enough for the client. */
const MAX_REQUESTS = 10_000;

/** One request at a time: as many at once as there are connections would make a request cheaper, or a queue. */
export async function connections(size, site) {
  return { server: await site.app(), path: HELLO, connections: size, inFlight: 1 };
}

export const routes = (size, site) => withRoutes({ routes: size, perFeature: size }, site);
export const features = (size, site) => withRoutes({ routes: size, perFeature: 10 }, site);

async function withRoutes(many, site) {
  const env = { BENCH_ROUTES: String(many.routes), BENCH_PER_FEATURE: String(many.perFeature) };
  const path = pathOfLast(many);
  return { server: await site.app({ env }), bare: await site.bare({ env }), path };
}

/** The first is made by a login; the others are copies of it, in the form that the app has given it. */
export async function sessions(size, site) {
  const redis = await site.redis();
  const server = await site.app({ redis });
  const { headers } = await ask(server, '/bench/login', headersOf());
  const first = cookieOf(headers['set-cookie']);
  await copies(redis, await onlyKey(redis, '*session:*'), size);
  const path = '/bench/user';
  const cookies = spread(size).map((suffix) => signedCookie(first.name, first.id + suffix));
  return {
    server,
    redis,
    path,
    lines: 1,
    cookie: cookies.at(-1),
    requests: cookies.map((cookie) => requestFor(path, headersOf({ cookie }))),
  };
}

/**
 * With the least memory that the app may be given for cached values: some 500 of these. The first is made by a request; a
 * load of any other fails, so each response is known to have come from the cache.
 */
export async function cacheKeys(size, site) {
  const redis = await site.redis();
  const server = await site.app({ redis, env: { CACHE_MAX_MB: '1' } });
  const pathOf = (suffix) => `/bench/cached/value${suffix}`;
  await ask(server, pathOf(''), headersOf());
  await copies(redis, await onlyKey(redis, '*entry:*'), size);
  const paths = spread(size).map(pathOf);
  return {
    server,
    redis,
    path: paths.at(-1),
    lines: 1,
    requests: paths.map((path) => requestFor(path, headersOf())),
  };
}

/** What the first key and its copies end with: as many as there are requests, at even distances. */
function spread(size) {
  const count = Math.min(size, MAX_REQUESTS);
  return Array.from({ length: count }, (_, i) => Math.floor((i * size) / count)).map((n) =>
    n ? String(n) : '',
  );
}
