import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import type { RedisConnection } from '../redis/connection.ts';
import { isWrongType } from '../redis/errors.ts';
import type { SessionStorage, SessionWrite } from './session-store.ts';

/** Only over what the request read. */
const TOUCH = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`;

/**
 * Sessions in Redis, shared by all processes. A request that changes nothing costs one GET.
 *
 * connect-redis reads, creates and removes. It would also create a session that another request has just ended, and write
 * back data that another request has just changed: those two writes are ours.
 */
export function redisSessions(redis: RedisConnection, prefix: string): SessionStorage {
  const { client } = redis;
  const keyOf = (id: string) => `${prefix}session:${id}`;
  const store = new RedisStore({ client, prefix: keyOf(''), serializer: asText, ttl: secondsOf });
  return {
    read: async (id) => ((await store.get(id).catch(noneIfWrongType)) ?? undefined) as string | undefined,
    write: async (id, write) => {
      const { kind, json, from, seconds } = write;
      if (kind === 'touch') await client.eval(TOUCH, 1, keyOf(id), from, json, seconds);
      else if (kind === 'replace') await client.set(keyOf(id), json, 'EX', seconds, 'XX');
      else await store.set(id, write as unknown as SessionData);
    },
    remove: async (id) => {
      await store.destroy(id);
    },
    onChange: (listener) => {
      redis.onChange(listener);
    },
  };
}

/** For connect-redis: SessionStore has made the JSON already. Its types know sessions only. */
const asText = {
  parse: (json: string) => json as unknown as SessionData,
  stringify: (write: unknown) => (write as SessionWrite).json,
};

function secondsOf(write: unknown): number {
  return (write as SessionWrite).seconds;
}

/** A stray value under a session's key must cost a login, and no more. */
function noneIfWrongType(error: unknown): undefined {
  if (!isWrongType(error)) throw error;
}
