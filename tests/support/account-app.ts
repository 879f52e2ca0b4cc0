import { afterEach } from '@jest/globals';
import type { Express, Router } from 'express';
import * as v from 'valibot';
import { jsonBody } from '../../src/platform/http/middleware/body.ts';
import { csrf } from '../../src/platform/sessions/csrf.ts';
import { createRateLimiter } from '../../src/platform/http/middleware/rate-limit.ts';
import {
  requireUser,
  saveSession,
  sessionOf,
  sessions,
  type SessionCookie,
} from '../../src/platform/sessions/session.ts';
import type { Toolkit } from '../../src/toolkit.ts';
import { Lifecycle } from '../../src/platform/lifecycle/lifecycle.ts';
import { createLogger } from '../../src/platform/observability/logger.ts';
import { createMetrics } from '../../src/platform/observability/metrics.ts';
import { MemorySessions } from '../../src/platform/sessions/memory-sessions.ts';
import { connectRedis } from '../../src/platform/redis/connection.ts';
import { redisSessions } from '../../src/platform/sessions/redis-sessions.ts';
import { sessionCookie } from '../../src/session.ts';
import type { Stores } from '../../src/platform/stores/open.ts';
import { inOrder } from '../../src/platform/http/middleware/in-order.ts';
import { WebSockets } from '../../src/platform/websockets/websockets.ts';
import { testConfig } from './config.ts';
import { LogLines, serve } from './http.ts';
import { until } from './until.ts';
import { testLogin } from './whole-app.ts';

/** The one password of these tests. */
export const PASSWORD = 'correct horse battery staple';

/** What these tests keep in a session. */
const fields = v.object({ visits: v.optional(v.number()) });

declare module 'express-session' {
  interface SessionData {
    visits?: number | undefined;
  }
}

export interface AccountAppOptions {
  readonly env?: Record<string, string>;
  readonly now?: () => number;
  /** Whether to wait until Redis is there. */
  readonly waitForRedis?: boolean;
  readonly cookie?: SessionCookie;
  /** What is at /api/session. */
  readonly login?: (toolkit: Toolkit) => Router;
  /** Further routes. */
  readonly add?: (app: Express, toolkit: Toolkit) => void;
}

/** An app with login and logout at /api/session, a guarded route, a public one that reads the session, and one without a
 * session. With REDIS_URL in `env` it keeps sessions in Redis. */
export async function serveAccount({
  env = {},
  now,
  waitForRedis = true,
  cookie = sessionCookie,
  login = testLogin,
  add,
}: AccountAppOptions = {}) {
  const config = testConfig(env);
  const log = new LogLines();
  const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log);
  const redis = config.REDIS_URL ? connectRedis(config, logger) : undefined;
  const clock = now ? { now } : {};
  const storage = redis ? redisSessions(redis, config.REDIS_KEY_PREFIX) : new MemorySessions();
  const stores: Stores = {
    kind: config.STORE,
    redis,
    sessions: storage,
    cache: undefined as never,
    isUp: () => redis?.isUp(),
    problem: () => redis?.problem()?.reason,
    close: () => Promise.resolve(),
  };
  const lifecycle = new Lifecycle();
  const metrics = createMetrics({ defaults: false });
  const webSockets = new WebSockets(metrics.registry, { lifecycle, logger, max: config.MAX_WEBSOCKETS });
  const guard = csrf({ allowedOrigins: config.CORS_ORIGINS });
  const toolkit: Toolkit = {
    config,
    logger,
    lifecycle,
    metrics,
    stores,
    webSockets,
    json: jsonBody({ limitKb: config.BODY_LIMIT_KB }),
    session: sessions({ storage, fields, cookie, config, logger, ...clock }),
    requireUser: requireUser(),
    csrf: guard,
    webSocket: (accept) => inOrder(guard, webSockets.handler(accept)),
    rateLimit: createRateLimiter({ redis, prefix: config.REDIS_KEY_PREFIX, logger }),
    cached: () => undefined as never,
    asset: (name) => `/${name}`,
    guarded: [],
    addJob: () => undefined,
    onShutdown: () => undefined,
  };
  const served = await serve((app) => {
    addRoutes(app, toolkit);
    add?.(app, toolkit);
    app.use('/api/session', login(toolkit));
  }, env);
  webSockets.attach(served.server);
  if (redis && waitForRedis) await until(() => redis.isUp());
  const close = async () => {
    await served.close();
    await redis?.close();
  };
  return { ...served, toolkit, redis, storeLog: log, close };
}

function addRoutes(app: Express, { session, requireUser: guard }: Toolkit): void {
  app.get('/plain', (_req, res) => {
    res.json({ ok: true });
  });
  app.get('/public', session, (req, res) => {
    res.json({ user: sessionOf(req)?.user ?? null });
  });
  app.get('/guarded', session, guard, (req, res) => {
    res.json({ user: sessionOf(req)?.user });
  });
  app.get('/visits', session, (req, res) => {
    const current = sessionOf(req);
    if (current) current.visits = (current.visits ?? 0) + 1;
    res.json({ visits: current?.visits ?? null });
  });
}

/** `serveAccount` for a test file: closes each app after the test that started it. Call it at the top of the file. */
export function serveAccountEachTest(): typeof serveAccount {
  const started: Awaited<ReturnType<typeof serveAccount>>[] = [];
  afterEach(async () => {
    for (const { close } of started.splice(0).reverse()) await close();
  });
  return async (options) => {
    const served = await serveAccount(options);
    started.push(served);
    return served;
  };
}

/** Logs in and returns the Cookie header of later requests. */
export async function logInAs(
  url: string,
  name = 'ada',
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ name, password: PASSWORD }),
  });
  if (response.status !== 201) throw new Error(`log in: ${response.status} ${await response.text()}`);
  return cookieOf(response);
}

/** The name and value of the response's first cookie; empty without one. */
export function cookieOf(response: Response): string {
  return response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
}

/** GET with a cookie. */
export function get(url: string, cookie = ''): Promise<Response> {
  return fetch(url, { headers: cookie ? { Cookie: cookie } : {} });
}

/** A promise and what resolves it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A logout while a request of the same session, at /slow, is between reading and saving it. Returns its cookie. */
export async function logOutMeanwhile(
  serveWith: (add: NonNullable<AccountAppOptions['add']>) => Promise<{ url: string }>,
): Promise<{ url: string; cookie: string }> {
  const begun = gate();
  const goOn = gate();
  const { url } = await serveWith((app, { session }) => {
    app.get('/slow', session, async (req, res) => {
      begun.open();
      await goOn.opened;
      req.session.visits = 99;
      await saveSession(req);
      res.json({});
    });
  });
  const cookie = await logInAs(url);
  const slow = get(`${url}/slow`, cookie);
  await begun.opened;
  await fetch(`${url}/api/session`, { method: 'DELETE', headers: { Cookie: cookie } });
  goOn.open();
  await slow;
  return { url, cookie };
}
