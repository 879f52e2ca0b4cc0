import { socketPathProblem } from './socket-path.ts';

/** Where one Redis server answers. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

/** What a `REDIS_URL` says. */
export type RedisTarget =
  | ({ readonly kind: 'single'; readonly tls: boolean; readonly db: number } & RedisAddress & RedisLogin)
  | ({ readonly kind: 'unix'; readonly path: string; readonly db: number } & RedisLogin)
  | ({
      readonly kind: 'sentinel';
      readonly tls: boolean;
      readonly db: number;
      readonly master: string;
      readonly sentinels: readonly RedisAddress[];
      /** Who we are to the Sentinels, which have users of their own. */
      readonly sentinelLogin?: RedisLogin;
    } & RedisLogin)
  | ({
      readonly kind: 'cluster';
      readonly tls: boolean;
      readonly nodes: readonly RedisAddress[];
    } & RedisLogin);

/** The forms, as an error message shows them. */
export const REDIS_URL_FORMS = [
  'redis://[user:password@]host[:6379][/db]',
  'rediss://… (the same with TLS)',
  'unix:///run/redis.sock[?db=0]',
  'redis+sentinel://[user:password@]host:26379,host:26379/master-name[/db][?sentinel=[user]:password]',
  'redis+cluster://host:6379,host:6379',
].join(' | ');

const URL_SHAPE =
  /^(?<scheme>rediss?(?:\+sentinel|\+cluster)?|unix):\/\/(?:(?<login>[^@/]*)@)?(?<hosts>[^/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/;

/**
 * Reads a Redis URL. `new URL` can't: Sentinel and Cluster name several hosts.
 *
 * @throws {Error} with a message that says what is wrong and never repeats the URL, which may hold a password.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const parts = URL_SHAPE.exec(url)?.groups;
  if (!parts) throw new Error(`must have one of the forms ${REDIS_URL_FORMS}`);
  const { scheme = '', hosts = '', path = '' } = parts;
  const login = parseLogin(parts.login);
  const tls = scheme.startsWith('rediss');
  const query = parseQuery(parts.query, scheme);
  if (scheme === 'unix') {
    if (hosts !== '' || path.length < 2) throw new Error('needs an absolute path: unix:///run/redis.sock');
    const socket = decodeURIComponent(path);
    const problem = socketPathProblem(socket);
    if (problem !== undefined) throw new Error(problem);
    return { kind: 'unix', path: socket, db: parseDb(query ?? ''), ...login };
  }
  if (scheme.endsWith('+sentinel')) {
    const [master = '', db = '', ...more] = path.slice(1).split('/');
    if (more.length > 0) throw new Error('has more behind the database than it takes: …/master-name/1');
    if (master === '') throw new Error('needs the name of the master: redis+sentinel://host:26379/mymaster');
    const sentinelLogin = parseLogin(query);
    const sentinels = parseHosts(hosts, 26379);
    return {
      kind: 'sentinel',
      tls,
      master,
      db: parseDb(db),
      sentinels,
      ...(query && { sentinelLogin }),
      ...login,
    };
  }
  if (scheme.endsWith('+cluster')) {
    if (path.length > 1) throw new Error('names a database, and a Redis Cluster has only database 0');
    return { kind: 'cluster', tls, nodes: parseHosts(hosts, 6379), ...login };
  }
  const [address, ...others] = parseHosts(hosts, 6379);
  if (!address || others.length > 0) {
    throw new Error('names several hosts; use redis+sentinel:// or redis+cluster:// for that');
  }
  return { kind: 'single', tls, db: parseDb(path.slice(1)), ...address, ...login };
}

/** The one parameter that a scheme takes behind the ?, still encoded. */
const PARAMETERS: Readonly<Record<string, string>> = {
  unix: 'db',
  'redis+sentinel': 'sentinel',
  'rediss+sentinel': 'sentinel',
};

function parseQuery(query: string | undefined, scheme: string): string | undefined {
  if (!query) return undefined;
  const name = PARAMETERS[scheme];
  if (!name) {
    throw new Error(
      'has a query (?…), which only unix:// and redis+sentinel:// take; name the database behind a slash: redis://host/1',
    );
  }
  if (!query.startsWith(`${name}=`) || query.includes('&'))
    throw new Error(`takes ?${name}=… behind the path, and nothing else`);
  return query.slice(name.length + 1);
}

function parseLogin(login: string | undefined): RedisLogin {
  if (!login) return {};
  const [username = '', ...rest] = login.split(':');
  const password = rest.join(':');
  try {
    return {
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
    };
  } catch {
    throw new Error('has a user name or password with a stray %; write % as %25, @ as %40, / as %2F');
  }
}

function parseHosts(hosts: string, defaultPort: number): RedisAddress[] {
  return hosts.split(',').map((item) => {
    const parts = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<name>[\w.-]+))(?::(?<port>\d{1,5}))?$/.exec(
      item,
    )?.groups;
    const port = Number(parts?.port ?? defaultPort);
    const host = parts?.ipv6 ?? parts?.name;
    if (!host || port < 1 || port > 65535) throw new Error('has a host that is not host or host:port');
    return { host, port };
  });
}

function parseDb(db: string): number {
  if (!/^\d{0,4}$/.test(db)) throw new Error('has a database that is not a number');
  return Number(db);
}
