import { socketPathProblem } from './addresses.ts';

/** What a `REDIS_URL` names: by its `kind`, one server, a Unix socket, a Sentinel's master or a Cluster. */
export type RedisTarget = ReturnType<typeof parseRedisUrl>;

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

const LOGIN = '(?:(?<login>[^@/]*)@)?';
const HOST = String.raw`(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?`;
const HOSTS = `(?<hosts>${HOST}(?:,${HOST})*)`;
const DB = String.raw`(?<db>\d{1,4})?`;

/** The forms of a URL. `new URL` does not do: Sentinel and Cluster have several hosts. */
const FORMS = {
  single: new RegExp(`^redis(?<tls>s?)://${LOGIN}(?<hosts>${HOST})(?:/${DB})?$`),
  unix: new RegExp(String.raw`^unix://${LOGIN}(?<path>/[^?#]+)(?:\?db=${DB})?$`),
  sentinel: new RegExp(
    String.raw`^redis(?<tls>s?)\+sentinel://${LOGIN}${HOSTS}/(?<master>[^/?#]+)(?:/${DB})?(?:\?sentinel=(?<sentinel>[^&#]*))?$`,
  ),
  cluster: new RegExp(String.raw`^redis(?<tls>s?)\+cluster://${LOGIN}${HOSTS}/?$`),
};

const PROBLEM = `must have one of the forms ${[
  'redis://[user:password@]host[:6379][/db]',
  'rediss://… (the same with TLS)',
  'unix:///run/redis.sock[?db=0]',
  'redis+sentinel://[user:password@]host:26379,host:26379/master-name[/db][?sentinel=[user]:password]',
  'redis+cluster://host:6379,host:6379',
].join(' | ')}`;

/**
 * Parses a Redis URL.
 *
 * @throws {Error} with a message that says what is wrong and never repeats the URL, which may hold a password.
 */
export function parseRedisUrl(url: string) {
  for (const [kind, form] of Object.entries(FORMS) as [keyof typeof FORMS, RegExp][]) {
    const { groups } = form.exec(url) ?? {};
    if (groups) return toTarget(kind, groups);
  }
  throw new Error(PROBLEM);
}

function toTarget(kind: keyof typeof FORMS, parts: Readonly<Record<string, string | undefined>>) {
  const { path = '', master = '', sentinel } = parts;
  const tls = parts.tls === 's';
  const db = Number(parts.db ?? 0);
  const login = parseLogin(parts.login);
  if (kind === 'unix') return { kind, path: parseSocketPath(path), db, ...login };
  const defaultPort = kind === 'sentinel' ? 26379 : 6379;
  const [first = '', ...others] = (parts.hosts ?? '').split(',');
  const node = parseHost(first, defaultPort);
  const nodes = [node, ...others.map((host) => parseHost(host, defaultPort))];
  if (kind === 'single') return { kind, tls, db, ...node, ...login };
  if (kind === 'cluster') return { kind, tls, nodes, ...login };
  // Sentinels have users of their own.
  const sentinelLogin = sentinel ? parseLogin(sentinel) : undefined;
  return { kind, tls, db, master, sentinels: nodes, sentinelLogin, ...login };
}

function parseHost(text: string, defaultPort: number) {
  const [, ipv6, name = '', port = defaultPort] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  if (Number(port) < 1 || Number(port) > 65535) throw new Error('has a port that is not from 1 to 65535');
  return { host: ipv6 ?? name, port: Number(port) };
}

function parseSocketPath(text: string): string {
  const path = decode(text);
  const problem = socketPathProblem(path);
  if (problem !== undefined) throw new Error(problem);
  return path;
}

function parseLogin(login = ''): RedisLogin {
  const [username = '', ...rest] = login.split(':');
  const password = rest.join(':');
  return {
    ...(username && { username: decode(username) }),
    ...(password && { password: decode(password) }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('has a stray %; write % as %25, @ as %40, / as %2F');
  }
}
