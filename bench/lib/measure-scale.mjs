import { CONNECTIONS, headersOf, requestFor } from './load.mjs';
import { assertAllServed, end, prepare, warmUp } from './measure.mjs';
import { pin } from './pin.mjs';
import { startRedis } from './redis.mjs';
import { takeTurns } from './turns.mjs';

/** What a site does not say itself. */
const SITE = { connections: CONNECTIONS, inFlight: CONNECTIONS, lines: 0 };

/**
 * Measures each size of a scale in turns with the base.
 *
 * @param scale - one of `planScales`.
 * @returns per size: of each turn what `run` found, by `own`, `base`, `ownBare` and `baseBare`, and the memory of the app.
 */
export async function measureScale(scale, bench) {
  const measured = [];
  for (const size of scale.sizes.filter((one) => one !== scale.base))
    measured.push({ size, ...(await measureSize(scale, size, bench)) });
  return measured;
}

async function measureSize(scale, size, bench) {
  const { running, context } = bench;
  const redises = [];
  const jobs = [];
  try {
    for (const [name, count] of [
      ['base', scale.base],
      ['own', size],
    ]) {
      context.say(`${scale.what}: making ${count}`);
      const site = { ...SITE, ...(await scale.open(count, placeOf(name, bench, redises))) };
      jobs.push(...(await jobsOf(name, scale, site, context)));
    }
    await pin(
      Object.values(running),
      context.load,
      redises.map(({ pid }) => pid),
    );
    await warmUp(jobs, context);
    const turns = await takeTurns(jobs, context);
    const rss = { own: await running.own.rssMib(), base: await running.base.rssMib() };
    for (const { pool } of jobs) await context.load.closePool(pool);
    await end(running);
    return { turns, rss };
  } finally {
    for (const redis of redises) await redis.stop();
  }
}

/** What a site is opened with: where the app is installed, and how to start it, bare Express, and a Redis of its own. */
function placeOf(name, { start, running, context }, redises) {
  return {
    installed: context.app,
    app: async ({ redis, env } = {}) =>
      (running[name] = await start.scaled({ name: `this-${name}`, redisUrl: redis?.url, env })),
    bare: async ({ env }) => (running[`${name}Bare`] = await start.bareRoutes({ name: `bare-${name}`, env })),
    redis: async () => {
      const redis = await startRedis(context.directory);
      redises.push(redis);
      return redis;
    },
  };
}

/** That of the app, and of bare Express beside it. */
async function jobsOf(name, scale, site, context) {
  const row = { title: scale.title, path: site.path, cookie: site.cookie };
  const own = { ...row, id: name, promises: ['x-request-id'], logged: '"msg":"request"' };
  site.server.expectLines(own.logged, site.lines);
  const jobs = [await jobOf(own, site.server, site, context)];
  if (site.bare) jobs.push(await jobOf({ ...row, id: `${name}Bare` }, site.bare, site, context));
  return jobs;
}

async function jobOf(row, server, site, { load }) {
  const { connections, inFlight, redis, requests = [requestFor(row.path, headersOf())] } = site;
  const job = await prepare(row, server, new Map());
  const { port } = server;
  const opened = await load.openPool({ id: row.id, port, connections, inFlight, requests });
  assertAllServed(row, opened);
  server.expectLines(row.logged, opened.requests);
  return { ...job, redis, pool: row.id };
}
