import type { RedisConnection } from '../redis/connection.ts';
import { isWrongType } from '../redis/errors.ts';
import type { SessionStorage } from './session-store.ts';

/** Only over what the request read. */
const TOUCH = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`;

/** Sessions in Redis, shared by all processes. A request that changes nothing costs one GET. */
export function redisSessions(redis: RedisConnection, prefix: string): SessionStorage {
  const { client } = redis;
  const keyOf = (id: string) => `${prefix}session:${id}`;
  return {
    read: async (id) => (await client.get(keyOf(id)).catch(noneIfWrongType)) ?? undefined,
    write: async (id, { kind, json, from, seconds }) => {
      if (kind === 'touch') await client.eval(TOUCH, 1, keyOf(id), from, json, seconds);
      else if (kind === 'replace') await client.set(keyOf(id), json, 'EX', seconds, 'XX');
      else await client.set(keyOf(id), json, 'EX', seconds);
    },
    remove: async (id) => {
      await client.del(keyOf(id));
    },
    onChange: (listener) => {
      redis.onChange(listener);
    },
  };
}

/** A stray value under a session's key must cost a login, and no more. */
function noneIfWrongType(error: unknown): undefined {
  if (!isWrongType(error)) throw error;
}
