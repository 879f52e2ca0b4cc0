/**
 * The rows of the table. Each puts the same request on a server; what counts is CPU time a request, as a share of the
 * first row's.
 *
 * - `same`: the row whose body it must equal, byte for byte, once decompressed.
 * - `type`: its own type, where that differs in a parameter.
 * - `promises`: headers it must have on top: what the stack is mounted for.
 * - `logged`: a text that stands in each request's log line; the lines are counted.
 * - `least`, `aim`: the ratio by major version of Node.
 */
export const HELMET = [
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'origin-agent-cluster',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
];
const withoutHsts = HELMET.filter((name) => name !== 'strict-transport-security');

const USUAL = { promises: HELMET, logged: '"msg":"request completed"' };
const THIS = { promises: [...HELMET, 'x-request-id'], logged: '"msg":"request"' };
// HSTS is for answers over TLS; alone, and without TLS, there is none to promise.
const THIS_ALONE = { ...THIS, promises: [...withoutHsts, 'x-request-id'] };

export const HELLO = '/bench/hello';
export const LIST = '/bench/list';

export const rows = [
  { id: 'bare', title: 'bare Express 5', server: 'bare', path: HELLO },
  { id: 'node', title: 'node:http', server: 'node', path: HELLO, same: 'bare' },
  { id: 'usual', title: 'the usual stack', server: 'usual', path: HELLO, same: 'bare', ...USUAL },
  {
    id: 'proxied',
    title: 'this template, behind a proxy',
    server: 'proxied',
    path: HELLO,
    same: 'bare',
    ...THIS,
    least: { 20: 1.4, 22: 1.4, default: 0.8 },
    aim: { 20: 2, 22: 2, default: 0.9 },
  },
  {
    id: 'alone',
    title: 'this template, alone',
    server: 'alone',
    path: HELLO,
    same: 'bare',
    ...THIS_ALONE,
    least: { default: 0.58 },
    aim: { default: 0.75 },
  },
  {
    id: 'usual-session',
    title: 'session from Redis: the usual stack',
    server: 'usualRedis',
    path: '/bench/session',
    login: '/bench/login',
    ...USUAL,
  },
  {
    id: 'session',
    title: 'session from Redis: this template',
    server: 'proxied',
    path: '/bench/session',
    login: '/bench/login',
    same: 'usual-session',
    ...THIS,
    least: { default: 0.4 },
    aim: { default: 0.5 },
  },
  { id: 'bare-list', title: '200 rows: bare, not compressed', server: 'bare', path: LIST },
  {
    id: 'usual-list',
    title: '200 rows: the usual stack, compressed each time',
    server: 'usual',
    path: LIST,
    same: 'bare-list',
    ...USUAL,
    promises: [...HELMET, 'content-encoding'],
  },
  {
    id: 'list',
    title: '200 rows: this template, compressed, from the cache',
    server: 'alone',
    path: LIST,
    same: 'bare-list',
    ...THIS_ALONE,
    promises: [...withoutHsts, 'x-request-id', 'content-encoding'],
    least: { default: 0.65 },
    aim: { default: 0.8 },
  },
];
