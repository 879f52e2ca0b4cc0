// The app's stores for looking at them: whatever would write is refused. This prevents accidents, not intent.

/** Redis' commands that read; of scripts only those that Redis itself keeps from writing. */
const READS = new Set(
  `bitcount bitpos dbsize echo eval_ro evalsha_ro exists expiretime fcall_ro get getbit getrange hexists hget hgetall hkeys
  hlen hmget hrandfield hscan hstrlen httl hvals info lindex llen lpos lrange memory mget object pexpiretime pfcount ping pttl
  role scan scard sdiff sinter sintercard sismember smembers smismember sort_ro srandmember sscan strlen sunion time ttl type
  xinfo xlen xpending xrange xread xrevrange zcard zcount zdiff zinter zlexcount zmscore zrandmember zrange zrangebylex
  zrangebyscore zrank zrevrange zrevrangebyscore zrevrank zscan zscore zunion`.split(/\s+/),
);

function refusal(what) {
  return new Error(
    `${what} is refused: in production the console only reads. Start it with: npm run console -- --write`,
  );
}

/** The same client; a command that is not known to read is rejected before it is sent. */
function readOnlyClient(client) {
  const sendCommand = (command, ...rest) => {
    if (READS.has(command.name.toLowerCase())) return client.sendCommand(command, ...rest);
    command.reject(refusal(command.name.toUpperCase()));
    return command.promise;
  };
  return new Proxy(client, {
    get: (target, name, proxy) => (name === 'sendCommand' ? sendCommand : Reflect.get(target, name, proxy)),
  });
}

/** Stores whose Redis can only be read, whose sessions too, and whose cache keeps nothing. */
export function readOnlyStores(stores) {
  const refuse = (what) => () => Promise.reject(refusal(what));
  const load = async (_key, _options, loader) => loader();
  return {
    ...stores,
    redis: stores.redis && {
      client: readOnlyClient(stores.redis.client),
      isUp: () => stores.redis.isUp(),
      problem: () => stores.redis.problem(),
    },
    sessions: {
      read: (id) => stores.sessions.read(id),
      write: refuse('writing a session'),
      remove: refuse('removing a session'),
    },
    cache: {
      wrap: load,
      fetch: async (...args) => ({ value: await load(...args), state: 'MISS', storedAt: Date.now() }),
      purgeKey: refuse('a purge'),
      purgeTag: refuse('a purge'),
      purgedAt: (tag) => stores.cache.purgedAt(tag),
    },
  };
}
