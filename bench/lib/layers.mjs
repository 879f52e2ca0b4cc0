import { HELMET } from './rows.mjs';

/**
 * The layers of the stack. Each costs what a request takes more on Express with it than on Express without it: on bare
 * Express, or on Express with the layer it needs (`on`). What must be so of the answers is said as for rows (rows.mjs),
 * and further:
 *
 * - `drops`: headers of bare Express that must not be there.
 * - `proof`: where its answers do not show that it is there, a request whose answer does. At /bench/proof the layers in
 *   bench/servers/layers-own.mjs and layers-usual.mjs say so themselves.
 * - `redis`: sessions live in Redis, not in memory.
 * - `parts`: the layers it is made of, where it is more than the one of its name.
 * - `usual`: the package that most use for it, with its defaults, on the same; `packages` where it is more than one.
 */
const PROVEN = { proof: { path: '/bench/proof', status: 200 } };
const COMPRESSES = { proof: { path: '/bench/list', status: 200, header: 'content-encoding' } };
const LOGGED_IN = { ...PROVEN, login: '/bench/login', redis: true };
const LOGS = { promises: ['x-request-id'], logged: '"msg":"request"' };
const PINO_LOGS = { logged: '"msg":"request completed"' };

export const layers = [
  { id: 'empty', title: 'a middleware that does nothing' },
  { id: 'server', title: "HTTP server: requests born as Express's, limits, pipelining", ...PROVEN },
  {
    id: 'settings',
    title: 'settings: no ETag, no X-Powered-By, flat queries',
    drops: ['etag', 'x-powered-by'],
  },
  { id: 'access-log', title: 'access log', ...LOGS, usual: { package: 'pino-http', ...PINO_LOGS } },
  {
    id: 'tracing',
    title: 'trace: traceId and spanId of each line',
    on: 'access-log',
    parts: ['tracing', 'access-log'],
    ...LOGS,
    ...PROVEN,
  },
  { id: 'context', title: 'request context (AsyncLocalStorage)', on: 'access-log', ...LOGS, ...PROVEN },
  {
    id: 'observe',
    title: 'metrics, connections and requests in flight',
    on: 'access-log',
    ...LOGS,
    ...PROVEN,
  },
  {
    id: 'security-headers',
    title: 'security headers',
    on: 'settings',
    drops: ['etag', 'x-powered-by'],
    promises: HELMET,
    usual: { package: 'helmet', promises: HELMET },
  },
  { id: 'health', title: 'health checks, passed by', proof: { path: '/livez', status: 200 } },
  { id: 'overload', title: 'overload protection', on: 'access-log', ...LOGS },
  // It throws an error that is a 400 to this template's error handler, which is no part of the layer.
  { id: 'well-formed', title: 'well-formed requests only', proof: { path: '/bench/hello?%', status: 500 } },
  {
    id: 'cors',
    title: 'CORS, for a request from no other origin',
    promises: ['vary'],
    usual: { package: 'cors', promises: ['access-control-allow-origin'] },
  },
  {
    id: 'compress',
    title: 'compression, of an answer too small for it',
    ...COMPRESSES,
    usual: { package: 'compression', ...COMPRESSES },
  },
  { id: 'route', title: 'a route with all its methods (405, OPTIONS)', ...PROVEN },
  { id: 'wrap', title: 'a handler that may be async, with a deadline', ...PROVEN },
  {
    id: 'session',
    title: 'session, without a cookie',
    ...PROVEN,
    promises: ['cache-control'],
    usual: { package: 'express-session', ...PROVEN },
  },
  {
    id: 'session-redis',
    title: 'session, from Redis',
    parts: ['session'],
    ...LOGGED_IN,
    promises: ['cache-control'],
    usual: { package: 'express-session and connect-redis', packages: ['express-session'], ...LOGGED_IN },
  },
  { id: 'rate-limit', title: 'rate limit, in memory', promises: ['ratelimit', 'ratelimit-policy'] },
  { id: 'cache', title: 'response cache, of a small answer: a hit', promises: ['x-cache', 'age'] },
  {
    id: 'together',
    title: 'what every request passes, together',
    parts: [
      'server',
      'settings',
      'tracing',
      'access-log',
      'context',
      'security-headers',
      'health',
      'overload',
      'well-formed',
      'route',
      'observe',
    ],
    ...LOGS,
    ...PROVEN,
    promises: [...HELMET, 'x-request-id'],
    drops: ['etag', 'x-powered-by'],
    usual: {
      package: 'all four',
      packages: ['helmet', 'pino-http', 'compression', 'express-session'],
      ...PINO_LOGS,
      ...PROVEN,
      promises: [...HELMET, 'vary'],
    },
  },
];
