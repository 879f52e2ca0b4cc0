import express, { type Express } from 'express';
import type { Config } from './config.ts';
import { projectPath } from './platform/config/paths.ts';
import { features } from './features/index.ts';
import { accessLog } from './platform/http/middleware/access-log.ts';
import { jsonBody } from './platform/http/middleware/body.ts';
import { compress } from './platform/http/middleware/compress.ts';
import { requestContext } from './platform/http/middleware/request-context.ts';
import { cors } from './platform/http/middleware/cors.ts';
import { csrf } from './platform/sessions/csrf.ts';
import { errorHandler, notFound } from './platform/http/middleware/error-handler.ts';
import { health } from './platform/http/middleware/health.ts';
import { overload } from './platform/http/middleware/overload.ts';
import { createRateLimiter } from './platform/http/middleware/rate-limit.ts';
import { inOrder } from './platform/http/middleware/in-order.ts';
import { responseCache } from './platform/cache/response-cache.ts';
import { securityHeaders } from './platform/http/middleware/security-headers.ts';
import {
  PLAIN_SESSION_COOKIE,
  requireUser,
  SECURE_SESSION_COOKIE,
  sessions,
} from './platform/sessions/session.ts';
import { staticFiles } from './platform/http/middleware/static.ts';
import type { Toolkit } from './platform/toolkit.ts';
import { wellFormed } from './platform/http/middleware/well-formed.ts';
import type { Lifecycle } from './platform/lifecycle/lifecycle.ts';
import type { Logger } from './platform/observability/logger.ts';
import type { Metrics } from './platform/observability/metrics.ts';
import type { Stores } from './platform/stores/stores.ts';

/** What an app is made of. Nothing here is global: a test makes ten apps side by side. */
export interface AppParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly stores: Stores;
}

/**
 * The whole pipeline of a request, in order.
 *
 * @throws {ConfigError} when a feature finds its part of the configuration wrong.
 */
export async function createApp(parts: AppParts): Promise<Express> {
  const { config, logger, lifecycle, stores } = parts;
  const files = staticFiles(projectPath('public'), { hashed: config.NODE_ENV !== 'development' });
  const app = settings(express(), config);

  app.use(
    inOrder(
      securityHeaders(),
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
  if (config.COMPRESSION) app.use(compress());
  await features(app, toolkit(parts), (name) => files.url(name));
  // Behind the features: a look into the file system for each of their requests would cost more than they do.
  app.use(files.handler);
  app.use(notFound());
  app.use(errorHandler({ exposeErrors: config.NODE_ENV === 'development' }));
  return app;
}

function settings(app: Express, config: Config): Express {
  app.set('env', config.NODE_ENV);
  app.set('trust proxy', config.TRUST_PROXY);
  // "a[b]=c" stays a flat key: no objects made up by a client where a string is meant.
  app.set('query parser', 'simple');
  // A hash of every answer pays only where clients ask again for the same: the response cache does it there.
  app.set('etag', false);
  app.disable('x-powered-by');
  app.locals.requestTimeoutMs = config.REQUEST_TIMEOUT_SECONDS * 1000;
  return app;
}

function toolkit(parts: AppParts): Toolkit {
  const { config, logger, metrics, stores } = parts;
  return {
    ...parts,
    json: jsonBody({ limitKb: config.BODY_LIMIT_KB }),
    session: sessions({ store: stores.sessions, config, logger }),
    requireUser: requireUser(),
    csrf: csrf({ allowedOrigins: config.CORS_ORIGINS }),
    rateLimit: createRateLimiter({ redis: stores.redis, prefix: config.REDIS_KEY_PREFIX, logger }),
    cached: responseCache({
      cache: stores.cache,
      sessionCookies: [PLAIN_SESSION_COOKIE, SECURE_SESSION_COOKIE],
      compression: config.COMPRESSION,
      timeoutMs: config.REQUEST_TIMEOUT_SECONDS * 1000,
      metrics,
    }),
  };
}
