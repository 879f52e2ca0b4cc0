import express, { type Express } from 'express';
import type { AppParts } from './platform/lifecycle/index.ts';
import type { Config } from './config.ts';
import { projectPath } from './platform/config/index.ts';
import { ERRORS } from './errors.ts';
import { features } from './features/index.ts';
import { jobs } from './jobs/index.ts';
import {
  accessLog,
  compressed,
  compressRoutes,
  cors,
  createRateLimiter,
  errorHandler,
  health,
  inOrder,
  jsonBody,
  notFound,
  overload,
  quickJson,
  recordMounts,
  requestContext,
  securityHeaders,
  staticFiles,
  trustProxies,
  wellFormed,
} from './platform/http/index.ts';
import { csrf, requireUser, sessionCookieName, sessions } from './platform/sessions/index.ts';
import { apiDocs } from './platform/openapi/index.ts';
import { responseCache } from './platform/cache/index.ts';
import { tracing } from './platform/tracing/index.ts';
import { sessionCookie, sessionFields } from './session.ts';
import type { Toolkit } from './toolkit.ts';

/** What is mounted, and what runs in the background; tests of the pipeline bring their own. */
const content = { features, jobs };

/**
 * The whole pipeline of a request, in order.
 *
 * @throws {ConfigError} when a feature finds its part of the configuration wrong.
 */
export async function createApp(parts: AppParts<Config>, yours = content): Promise<Express> {
  const { config, logger, lifecycle, stores } = parts;
  const files = staticFiles(projectPath('public'), { hashed: config.NODE_ENV !== 'development' });
  const app = settings(express(), config);

  app.use(
    inOrder(
      securityHeaders(),
      tracing(),
      accessLog(logger),
      requestContext(),
      wellFormed(),
      health({
        lifecycle,
        storeIsUp: () => stores.isUp(),
        storeProblem: () => stores.problem(),
        readyRequiresStore: config.READY_REQUIRES_REDIS,
      }),
      overload({
        maxDelayMs: config.MAX_LOOP_DELAY_MS,
        maxInFlight: config.MAX_IN_FLIGHT,
        maxReceiving: config.MAX_RECEIVING,
        maxReceivingPerAddress: config.MAX_RECEIVING_PER_ADDRESS,
      }),
    ),
  );
  if (config.CORS_ORIGINS.length > 0) app.use(cors({ origins: config.CORS_ORIGINS }));
  if (config.COMPRESSION) app.use(compressRoutes());
  const tools = toolkit(parts, (name) => files.url(name));
  // A feature may have something to open first.
  const opened = await Promise.resolve(yours.features(recordMounts(app), tools));
  for (const job of yours.jobs(tools, opened)) parts.addJob(job);
  if (config.API_DOCS) app.use(apiDocs(app, docsOptions(tools)));
  // Behind the features: a look into the file system for each of their requests would cost more than they do.
  app.use(compressed, files.handler);
  app.use(notFound());
  app.use(errorHandler({ exposeErrors: config.NODE_ENV === 'development' }));
  return app;
}

/** What the document of the API says beside the routes. */
function docsOptions({ asset, config }: Toolkit) {
  return { asset, errors: ERRORS, cookie: sessionCookieName(sessionCookie, config.SESSION_COOKIE_SECURE) };
}

function settings(app: Express, config: Config): Express {
  app.set('env', config.NODE_ENV);
  trustProxies(app, config.TRUST_PROXY);
  // "a[b]=c" stays a flat key: a client cannot send an object where a string is expected.
  app.set('query parser', 'simple');
  // A hash of every response pays only where clients ask again for the same: the response cache does it there.
  app.set('etag', false);
  app.disable('x-powered-by');
  quickJson(app);
  app.locals.requestTimeoutMs = config.REQUEST_TIMEOUT_SECONDS * 1000;
  return app;
}

/** What features are built from. */
export function toolkit(parts: AppParts<Config>, asset: Toolkit['asset']): Toolkit {
  const { config, logger, metrics, stores } = parts;
  const guards = {
    session: sessions({
      storage: stores.sessions,
      fields: sessionFields,
      cookie: sessionCookie,
      config,
      logger,
    }),
    requireUser: requireUser(),
    csrf: csrf({ allowedOrigins: config.CORS_ORIGINS }),
    json: jsonBody({ limitKb: config.BODY_LIMIT_KB }),
  };
  return {
    ...parts,
    ...guards,
    asset,
    webSocket: (accept) => inOrder(guards.csrf, parts.webSockets.handler(accept)),
    guarded: [guards.session, guards.requireUser, guards.csrf, guards.json],
    rateLimit: createRateLimiter({ redis: stores.redis, prefix: config.REDIS_KEY_PREFIX, logger }),
    cached: responseCache({
      cache: stores.cache,
      sessionCookies: [true, false].map((secure) => sessionCookieName(sessionCookie, secure)),
      compression: config.COMPRESSION,
      timeoutMs: config.REQUEST_TIMEOUT_SECONDS * 1000,
      metrics,
    }),
  };
}
