import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { PlatformConfig } from '../config/settings.ts';
import type { RedisTarget } from '../config/redis-url.ts';
import { toError } from '../observability/thrown.ts';
import { RedisNames } from '../cache/names.ts';
import { connectionErrorOf, createRedisClient, type RedisClient } from './client.ts';
import { isLastingRefusal, isRefusal, publicReason } from './errors.ts';

export interface RedisCheckOptions {
  readonly target: RedisTarget;
  /** In front of every key. */
  readonly prefix: string;
}

/** Why the app can't work with a Redis that it is connected to. */
export interface RedisProblem {
  /** In a few words that anybody may see. */
  readonly reason: string;
  /** For the log: what Redis said. */
  readonly detail: string;
  /** It stays until somebody changes a configuration, so the store counts as down. Others, like a full disk, pass. */
  readonly lasting: boolean;
}

/** A key of the check is gone after this many milliseconds, also where the process dies in the middle. */
const KEY_MS = 10_000;

const RENEW = `return redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

/**
 * Checks that this connection is what `REDIS_URL` asks for (database, user), that one key under our prefix can be written,
 * read, renewed by a script, and deleted, and that purges can be published. Rejects never.
 */
export async function findRedisProblem(
  client: RedisClient,
  { target, prefix }: RedisCheckOptions,
): Promise<RedisProblem | undefined> {
  const mismatch = await findMismatch(client, target);
  if (mismatch) return { reason: mismatch, detail: mismatch, lasting: true };
  const key = `${prefix}check:${randomUUID()}`;
  const attempts = {
    SET: () => client.set(key, key, 'PX', KEY_MS),
    GET: () => client.get(key),
    EVAL: () => client.eval(RENEW, 1, key, KEY_MS),
    DEL: () => client.del(key),
    PUBLISH: () => client.publish(checkChannel(prefix), ''),
  };
  const failed: { readonly command: string; readonly error: Error }[] = [];
  for (const [command, attempt] of Object.entries(attempts)) {
    const error = await attempt().then(() => undefined, toError);
    if (error) failed.push({ command, error });
    // Where Redis does not answer, the other commands would wait as long.
    if (error && !isRefusal(error)) break;
  }
  return summary(failed);
}

/** The same of a connection that only listens: whether it may hear purges. */
export async function findListenProblem(
  client: RedisClient,
  { prefix }: Pick<RedisCheckOptions, 'prefix'>,
): Promise<RedisProblem | undefined> {
  const channel = checkChannel(prefix);
  const attempt = client.subscribe(channel).then(() => client.unsubscribe(channel));
  const error = await attempt.then(() => undefined, toError);
  // Whether Redis is there is for the events of the connection to say; a Cluster's subscriber may just be on its way.
  return error && isRefusal(error) ? summary([{ command: 'SUBSCRIBE', error }]) : undefined;
}

/** Beside the real ones, so that the same rules on channels apply. */
function checkChannel(prefix: string): string {
  return `${new RedisNames(prefix).channel}:check`;
}

/** Without these, sessions and data work as ever; only a change is not confirmed, or is looked up at each request. */
const CHANNEL_COMMANDS = ['PUBLISH', 'SUBSCRIBE'];

function summary(failed: readonly { command: string; error: Error }[]): RedisProblem | undefined {
  const worst = failed.find(({ error }) => isLastingRefusal(error)) ?? failed[0];
  if (!worst) return undefined;
  const commands = failed.map(({ command }) => command).join(', ');
  return {
    reason: `${commands}: ${publicReason(worst.error)}`,
    detail: `${commands} of our keys or channels failed: ${worst.error.message}`,
    lasting: failed.some(
      ({ command, error }) => isLastingRefusal(error) && !CHANNEL_COMMANDS.includes(command),
    ),
  };
}

/** What CLIENT INFO says of the connection, where it may be asked and says so. @see https://redis.io/docs/latest/commands/client-info/ */
async function findMismatch(client: RedisClient, target: RedisTarget): Promise<string | undefined> {
  const info = await client.client('INFO').catch(() => '');
  const db = target.kind === 'cluster' ? 0 : target.db;
  const user = target.username ?? 'default';
  const is = (field: string) => new RegExp(`(?:^|[ :])${field}=(\\S+)`).exec(info)?.[1];
  if ((is('db') ?? String(db)) !== String(db)) return `not in database ${db}`;
  if ((is('user') ?? user) !== user) return 'not logged in as the user of REDIS_URL';
  return undefined;
}

/**
 * Keeps the last error of a client's connection; for a Cluster and Sentinels the one behind "all failed".
 *
 * @param listener - called when an attempt to connect has failed.
 */
export function watchErrors(client: RedisClient, target: RedisTarget, listener: () => void) {
  let last: Error | undefined;
  let detail: Error | undefined;
  const keep = (error: Error) => {
    detail = error;
  };
  // Of one server of several.
  client.on('node error', keep).on('sentinelError', keep);
  client.on('error', (error: Error) => {
    // What follows an error that has closed the connection says less.
    if (!last || !/^(?:Stream isn't writeable|Connection is closed)/.test(error.message))
      last = detail ?? error;
    listener();
  });
  client.on('ready', () => {
    last = detail = undefined;
  });
  /** The error, if more than "closed" is known of it. */
  const known = () => (last && !last.message.includes(CLOSED) ? last : undefined);
  const explained = async () => known() ?? (await connectionErrorOf(target)) ?? last ?? new Error(CLOSED);
  return { known, explained };
}

const CLOSED = 'Connection is closed.';

/** How long one connection may take, in milliseconds. */
const CONNECT_MS = 5000;

/**
 * Connects once, for as long as `use` takes.
 *
 * @throws {Error} that says why, when there is no connection; whatever `use` throws.
 */
export async function withRedis<Result>(
  target: RedisTarget,
  use: (client: RedisClient) => Promise<Result>,
): Promise<Result> {
  const client = createRedisClient(target);
  const failed = new AbortController();
  const errors = watchErrors(client, target, () => {
    failed.abort();
  });
  try {
    const signal = AbortSignal.any([failed.signal, AbortSignal.timeout(CONNECT_MS)]);
    const isReady = await once(client, 'ready', { signal }).then(
      () => true,
      () => false,
    );
    if (!isReady) throw await errors.explained();
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/**
 * Connects to the Redis of this configuration and says what is wrong with it, one line per problem without secrets;
 * none where all is well, or where no Redis is configured. Leaves no connection and no key. Never rejects.
 *
 * @example const problems = await checkRedis(loadConfig());
 */
export async function checkRedis(
  config: Pick<PlatformConfig, 'REDIS_URL' | 'REDIS_KEY_PREFIX'>,
): Promise<string[]> {
  const { REDIS_URL: target, REDIS_KEY_PREFIX: prefix } = config;
  if (!target) return [];
  try {
    const problems = await withRedis(target, async (client) => [
      await findRedisProblem(client, { target, prefix }),
      await findListenProblem(client, { prefix }),
    ]);
    return problems.flatMap((problem) => (problem ? [`Redis can't be used: ${problem.detail}`] : []));
  } catch (error) {
    return [`Redis can't be reached: ${toError(error).message}`];
  }
}
