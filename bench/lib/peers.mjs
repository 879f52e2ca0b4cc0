import { HELLO, HELMET, LIST } from './rows.mjs';

/**
 * Other frameworks, each set up as its own documentation does, for the same work: a log line per request with its id, method,
 * path, status and time; security headers; compression where it pays; a 404.
 *
 * - `against`: this template's row that it is measured in turns with. Its body must be equal, once decompressed.
 * - `most`, `aim`: this template's CPU time per request as a share of the peer's, by major version of Node.
 * - the rest: see rows.mjs
 */
const LINE = '"msg":"request completed"';
const hello = { path: HELLO, against: 'proxied' };
const session = { path: '/bench/session', login: '/bench/login', against: 'session' };
const list = { path: LIST, against: 'list' };
const fastify = { server: 'fastify', promises: HELMET, logged: LINE };
const koa = { server: 'koa', promises: HELMET, logged: LINE };
const usual = { server: 'usual', promises: HELMET, logged: LINE };
// Its own defaults have no content security policy, and its type for JSON has no charset.
const hono = {
  server: 'hono',
  promises: HELMET.filter((name) => name !== 'content-security-policy'),
  logged: '"msg":"Request completed"',
  type: 'application/json',
};
const compressed = ({ promises, ...row }) => ({ ...row, promises: [...promises, 'content-encoding'] });

export const peers = [
  { id: 'node-peer', title: 'node:http, nothing else', server: 'node', ...hello },
  { id: 'bare-peer', title: 'bare Express 5', server: 'bare', ...hello },
  { id: 'express', title: 'Express: the usual stack', ...usual, ...hello },
  {
    id: 'fastify',
    title: 'Fastify (two log lines, its default)',
    ...fastify,
    ...hello,
    most: { default: 0.95 },
    aim: { 20: 0.75, 22: 0.75, default: 0.8 },
  },
  { id: 'fastify-line', title: 'Fastify, one log line', ...fastify, server: 'fastifyOneLine', ...hello },
  { id: 'koa', title: 'Koa', ...koa, ...hello },
  { id: 'hono', title: 'Hono on Node', ...hono, ...hello },
  {
    id: 'express-session',
    title: 'session from Redis: Express, the usual stack',
    ...usual,
    server: 'usualRedis',
    ...session,
  },
  {
    id: 'fastify-session',
    title: 'session from Redis: Fastify',
    ...fastify,
    server: 'fastifyRedis',
    ...session,
  },
  { id: 'koa-session', title: 'session from Redis: Koa', ...koa, server: 'koaRedis', ...session },
  // None of them has a usual cache of responses.
  { id: 'express-list', title: '200 rows: Express, the usual stack', ...compressed(usual), ...list },
  { id: 'fastify-list', title: '200 rows: Fastify', ...compressed(fastify), ...list },
  { id: 'koa-list', title: '200 rows: Koa', ...compressed(koa), ...list },
  { id: 'hono-list', title: '200 rows: Hono', ...compressed(hono), ...list },
];

/** What a process takes to start, and what memory it keeps, is measured of these. */
export const PROCESSES = ['bare', 'usual', 'fastify', 'koa', 'hono', 'plain'];
