import { randomUUID } from 'node:crypto';
import type { RedisTarget } from '../config/redis-url.ts';
import { toError } from '../observability/plain.ts';
import type { RedisClient } from './client.ts';
import { isLastingRefusal, isRefusal, publicReason } from './errors.ts';

export interface RedisCheckOptions {
  readonly target: RedisTarget;
  /** In front of every key. */
  readonly prefix: string;
}

/** Why the app cannot work with a Redis, or not fully. */
export interface RedisProblem {
  /** In a few words, without secrets: /readyz shows it. */
  readonly reason: string;
  /** For the log: Redis' own words. */
  readonly detail: string;
  /** It stays until somebody changes a configuration, so the store counts as down. Others, like a full disk, pass. */
  readonly lasting: boolean;
}

/** The key of a check expires after this many milliseconds, also where the process dies in the middle. */
const KEY_MS = 10_000;

const RENEW = `return redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

/** Without these, sessions and data work; only a change is not confirmed, or is looked up at each request. */
const CHANNEL_COMMANDS = ['PUBLISH', 'SUBSCRIBE'];

/** Beside the channel of purges (cache/shared.ts), so that the same rules apply. */
const channelOf = (prefix: string) => `${prefix}cache:check`;

/**
 * Checks that this connection is what `REDIS_URL` asks for (database, user), that one key under our prefix can be written,
 * read, renewed by a script, and deleted, and that purges can be published. Never rejects.
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
    PUBLISH: () => client.publish(channelOf(prefix), ''),
  };
  const failed: { readonly command: string; readonly error: Error }[] = [];
  for (const [command, attempt] of Object.entries(attempts)) {
    const error = await attempt().then(() => undefined, toError);
    if (error) failed.push({ command, error });
    // Where Redis does not respond, each further command would wait as long.
    if (error && !isRefusal(error)) break;
  }
  return summary(failed);
}

/** Checks a connection that only listens: whether it may receive purges. */
export async function findListenProblem(
  client: RedisClient,
  { prefix }: Pick<RedisCheckOptions, 'prefix'>,
): Promise<RedisProblem | undefined> {
  const channel = channelOf(prefix);
  const attempt = client.subscribe(channel).then(() => client.unsubscribe(channel));
  const error = await attempt.then(() => undefined, toError);
  // Whether Redis is there is reported by the connection's events; a Cluster's subscriber may still be connecting.
  return error && isRefusal(error) ? summary([{ command: 'SUBSCRIBE', error }]) : undefined;
}

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

/** By CLIENT INFO, where this user may ask for it. @see https://redis.io/docs/latest/commands/client-info/ */
async function findMismatch(client: RedisClient, target: RedisTarget): Promise<string | undefined> {
  const info = await client.client('INFO').catch(() => '');
  const db = target.kind === 'cluster' ? 0 : target.db;
  const user = target.username ?? 'default';
  const valueOf = (field: string) => new RegExp(`(?:^|[ :])${field}=(\\S+)`).exec(info)?.[1];
  if ((valueOf('db') ?? String(db)) !== String(db)) return `not in database ${db}`;
  if ((valueOf('user') ?? user) !== user) return 'not logged in as the user of REDIS_URL';
  return undefined;
}
