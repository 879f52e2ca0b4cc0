// This template's layers: the built modules, put together as src/app.ts and src/serve.ts do it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A module of the application under test. */
const built = (file) => import(pathToFileURL(join(process.env.APP, 'dist', file)).href);

/** By name: adds it to a stack. What it returns is a handler that every request passes. */
const own = {
  empty: () => (_req, _res, next) => {
    next();
  },
  server: async (stack, { config, logger }) => {
    const { createHttpServer } = await built('platform/http/server.js');
    stack.createServer = () => createHttpServer(stack.app, config, logger);
    // Express's own prototype is a plain object.
    stack.prove(() => Object.hasOwn(stack.app.request, 'constructor'));
  },
  settings: ({ app }) => {
    app.set('query parser', 'simple');
    app.set('etag', false);
    app.disable('x-powered-by');
  },
  'access-log': async (_stack, { logger }) => {
    const { accessLog } = await built('platform/http/middleware/access-log.js');
    return accessLog(logger);
  },
  tracing: async ({ prove }) => {
    const { tracing } = await built('platform/tracing/trace.js');
    prove((req) => req.trace.traceId === req.log.bindings().traceId);
    return tracing();
  },
  context: async ({ prove }) => {
    const { currentRequestId, requestContext } = await built('platform/http/middleware/request-context.js');
    prove((req) => currentRequestId() === req.id);
    return requestContext();
  },
  observe: async (stack, { metrics }) => {
    const { Connections } = await built('platform/lifecycle/connections.js');
    const { observeResponse } = await built('platform/http/route-metrics.js');
    stack.onServer = (server) => {
      const connections = new Connections(server, observeResponse(metrics));
      stack.prove(() => connections.inFlight === 1);
    };
  },
  'security-headers': async () => {
    const { securityHeaders } = await built('platform/http/middleware/security-headers.js');
    return securityHeaders();
  },
  health: async (_stack, { stores }) => {
    const { health } = await built('platform/http/middleware/health.js');
    const { Lifecycle } = await built('platform/lifecycle/lifecycle.js');
    return health({ lifecycle: new Lifecycle(), storeIsUp: () => stores.isUp() });
  },
  overload: async (_stack, { config }) => {
    const { overload } = await built('platform/http/middleware/overload.js');
    return overload({
      maxDelayMs: config.MAX_LOOP_DELAY_MS,
      maxInFlight: config.MAX_IN_FLIGHT,
      maxReceiving: config.MAX_RECEIVING,
      maxReceivingPerAddress: config.MAX_RECEIVING_PER_ADDRESS,
    });
  },
  'well-formed': async () => {
    const { wellFormed } = await built('platform/http/middleware/well-formed.js');
    return wellFormed();
  },
  cors: async () => {
    const { cors } = await built('platform/http/middleware/cors.js');
    return cors({ origins: ['https://app.example'] });
  },
  compress: async () => {
    const { compress } = await built('platform/http/middleware/compress.js');
    return compress();
  },
  route: async (stack) => {
    const { route } = await built('platform/http/route.js');
    stack.mount = (path, handler) => route(stack.app, path, { get: handler });
    stack.prove((req) => req.routePattern === '/bench/proof');
  },
  wrap: async (stack) => {
    const { wrap } = await built('platform/http/wrap.js');
    stack.decorate = (handler) => wrap(handler);
    // Express gives a handler the function `next` there.
    stack.prove((_req, context) => 'signal' in context);
  },
  session: async ({ prove }, { config, logger, stores }) => {
    const { sessions } = await built('platform/sessions/session.js');
    const { sessionCookie: cookie, sessionFields } = await built('session.js');
    prove((req) => (stores.redis ? req.session.user?.name === 'ada' : req.session !== undefined));
    return sessions({ storage: stores.sessions, fields: sessionFields, cookie, config, logger });
  },
  'rate-limit': async (_stack, { logger }) => {
    const { createRateLimiter } = await built('platform/http/middleware/rate-limit.js');
    return createRateLimiter({ logger })({ name: 'bench', points: 1e9, perSeconds: 60 });
  },
  cache: async (stack, { config, metrics, stores }) => {
    const { responseCache } = await built('platform/cache/response-cache.js');
    const { sessionCookieName } = await built('platform/sessions/session.js');
    const { sessionCookie } = await built('session.js');
    const cached = responseCache({
      cache: stores.cache,
      sessionCookies: [true, false].map((secure) => sessionCookieName(sessionCookie, secure)),
      compression: config.COMPRESSION,
      timeoutMs: 30_000,
      metrics,
    });
    stack.decorate = (handler) => cached({ ttl: 60, stale: 60 }, () => jsonOf(handler));
  },
};

/** What a handler of bench/servers/layers.mjs sends. */
function jsonOf(handler) {
  let value;
  const res = { status: () => res, json: (sent) => (value = sent) };
  handler({}, res);
  return value;
}

/** Adds layers to a stack of bench/servers/layers.mjs; what they return is one layer of Express, as in src/app.ts. */
export async function addOwn(names, stack) {
  const { inOrder } = await built('platform/http/middleware/in-order.js');
  const parts = await open(stack, names);
  const handlers = [];
  for (const name of names) handlers.push(await own[name](stack, parts));
  const passed = handlers.filter(Boolean);
  if (passed.length > 0) stack.use(inOrder(...passed));
}

/** What the layers are made from, by the configuration in the environment. */
async function open({ app }, names) {
  const { loadConfig } = await built('config.js');
  const { createLogger } = await built('platform/observability/logger.js');
  const { createMetrics } = await built('platform/observability/metrics.js');
  const { openStores } = await built('platform/stores/open.js');
  const config = loadConfig();
  const logger = createLogger(config);
  // Metrics of the process wake it a hundred times a second, while others are measured.
  const metrics = createMetrics({ defaults: names.includes('observe') });
  // Costs a request nothing until a layer asks for its address or whether it came over TLS.
  app.set('trust proxy', config.TRUST_PROXY);
  return { config, logger, metrics, stores: await openStores(config, logger, metrics) };
}
