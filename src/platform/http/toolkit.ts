import type { RequestHandler } from 'express';
import type { AppParts } from '../lifecycle/app-parts.ts';
import type { PlatformConfig } from '../config/settings.ts';
import type { RateLimit, RateLimitOptions } from './middleware/rate-limit.ts';
import type { Cached } from '../cache/response-cache.ts';
import type { AcceptWebSocket } from '../websockets/websockets.ts';

/** What a feature is built from. `createApp` makes one and hands it to every feature. */
export interface Toolkit<Config extends PlatformConfig = PlatformConfig> extends AppParts<Config> {
  /** Makes the URL of a file in public/. */
  readonly asset: (name: string) => string;
  /** All guards of a route that changes something for a logged-in user, in their order: session, login, CSRF, JSON body. */
  readonly guarded: readonly RequestHandler[];
  /** Reads a JSON body into `req.body`. */
  readonly json: RequestHandler;
  /** Sets `req.session`, which is undefined while the store is away. Mount it only where it is needed. */
  readonly session: RequestHandler;
  /** Lets logged-in users pass: else 401, or 503 while the store is away. Mount it behind `session`. */
  readonly requireUser: RequestHandler;
  /** Rejects unsafe methods that come from another site's page. Mount it on every route that a cookie protects. */
  readonly csrf: RequestHandler;
  /** A route's handler for WebSockets of pages of this site, or of one in CORS_ORIGINS: docs/websockets.md. */
  readonly webSocket: (accept: AcceptWebSocket) => RequestHandler;
  /** A limit of requests per client, shared by all processes. */
  readonly rateLimit: (options: RateLimitOptions) => RateLimit;
  /** Caches responses to GET: docs/use-the-cache.md. */
  readonly cached: Cached;
}
