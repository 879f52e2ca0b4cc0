import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { freePort, ServerProcess } from './server-process.mjs';

const script = (name) => fileURLToPath(new URL(`../servers/${name}.mjs`, import.meta.url));

/** Those of the servers that need Redis: the template runs as in production wherever it is compared. */
export const WITH_REDIS = new Set(['usualRedis', 'fastifyRedis', 'koaRedis', 'proxied', 'alone']);

/**
 * The servers the rows of the table are measured on, each by how it is started.
 *
 * @param place.app - where the application under test was installed.
 * @param place.directory - where logs go.
 * @param place.redisUrl - where sessions live; undefined where no server that is started needs it.
 */
export function servers({ app, directory, redisUrl }) {
  const plain = (name, options) => ({ name, args: [script(name)], directory, ...options });
  const template = (name, env) => ({
    ...appOptions({ app, directory, redisUrl }),
    name,
    env: { ...appEnv(redisUrl), ...env },
  });
  return {
    // What `npm start` gives who has just cloned it, but for the cluster: one process, and no Redis to wait for.
    plain: () => ServerProcess.start({ ...template('this-start'), env: appEnv() }),
    node: () => ServerProcess.start(plain('node-http')),
    bare: (options) => ServerProcess.start(plain('bare', options)),
    usual: (options) => ServerProcess.start(plain('usual', options)),
    fastify: (options) => ServerProcess.start(plain('peers/fastify', { name: 'fastify', ...options })),
    fastifyOneLine: () =>
      ServerProcess.start(plain('peers/fastify', { name: 'fastify-line', env: { FASTIFY_LINES: '1' } })),
    fastifyRedis: () =>
      ServerProcess.start(plain('peers/fastify', { name: 'fastify-redis', env: { REDIS_URL: redisUrl } })),
    koa: (options) => ServerProcess.start(plain('peers/koa', { name: 'koa', ...options })),
    koaRedis: () =>
      ServerProcess.start(plain('peers/koa', { name: 'koa-redis', env: { REDIS_URL: redisUrl } })),
    hono: (options) => ServerProcess.start(plain('peers/hono', { name: 'hono', ...options })),
    usualRedis: () =>
      ServerProcess.start(plain('usual', { name: 'usual-redis', env: { REDIS_URL: redisUrl } })),
    proxied: () =>
      ServerProcess.start(template('this-proxied', { COMPRESSION: 'off', TRUST_PROXY: 'loopback' })),
    alone: () => ServerProcess.start(template('this-alone', { COMPRESSION: 'on' })),
    layers: ({ server, parts, packages, redis }) =>
      ServerProcess.start(
        plain('layers', {
          name: `layers-${server}`,
          // The configuration of the application, for what is made from it.
          env: {
            ...appEnv(redis && redisUrl),
            TRUST_PROXY: 'loopback',
            APP: app,
            LAYERS: parts.join(','),
            PACKAGES: packages.join(','),
          },
          cwd: app,
        }),
      ),
    cluster: (workers) =>
      ServerProcess.start({
        ...template(`this-cluster-${workers}`, { COMPRESSION: 'off', WEB_CONCURRENCY: String(workers) }),
        args: ['dist/cluster.js'],
      }),
    withOperations: async () => {
      const adminPort = await freePort();
      const env = { ADMIN_PORT: String(adminPort), ADMIN_TOKEN: OPERATIONS_TOKEN };
      const server = await ServerProcess.start({
        ...template('this-operations', { COMPRESSION: 'off', WEB_CONCURRENCY: '1', ...env }),
        args: ['dist/cluster.js'],
      });
      return Object.assign(server, { adminPort });
    },
    scaled: ({ name, redisUrl: url = redisUrl, env }) => {
      const template = { ...appOptions({ app, directory }), name };
      return ServerProcess.start({
        ...template,
        env: { ...appEnv(url), COMPRESSION: 'off', TRUST_PROXY: 'loopback', ...env },
      });
    },
    bareRoutes: (options) => ServerProcess.start(plain('bare-routes', options)),
    unprotected: () =>
      ServerProcess.start(template('this-unprotected', { MAX_LOOP_DELAY_MS: '0', MAX_IN_FLIGHT: '0' })),
  };
}

/** How the application is started: as `npm start` does. */
export function appOptions({ app, directory }) {
  return { args: ['dist/server.js'], cwd: app, ready: '/readyz', directory };
}

export const OPERATIONS_TOKEN = randomBytes(32).toString('hex');

export const SESSION_SECRETS = randomBytes(48).toString('base64');

export function appEnv(redisUrl) {
  return {
    ...(redisUrl ? { REDIS_URL: redisUrl } : { STORE: 'memory' }),
    SESSION_SECRETS,
    ADMIN_PORT: '0',
    LINGER_SECONDS: '0',
  };
}
