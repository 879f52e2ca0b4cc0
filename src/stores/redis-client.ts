import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from '../config/redis-url.ts';
import { batchWrites } from './write-batch.ts';

/** One Redis server, a Sentinel's master, or a Cluster: the commands are the same. */
export type RedisClient = Redis | Cluster;

type Options = Omit<RedisOptions, 'replyMapping'>;

/** How long one command may take, in milliseconds. A request must not wait longer for a Redis that hangs. */
const COMMAND_TIMEOUT_MS = 500;

/**
 * A server that is stopped or cut off keeps the connection open and says nothing: give it up together with the first
 * command that times out. A request that sends several (limit, session, cache) then waits for one of them, not for all.
 */
const SOCKET_TIMEOUT_MS = COMMAND_TIMEOUT_MS;

/**
 * Options under which a Redis that is refused, killed or hanging costs a request milliseconds, not minutes, and under
 * which the app finds it again by itself. ioredis' defaults make every request wait until Redis is back.
 */
const RESILIENT = {
  // Fail at once while there is no connection, rather than queue.
  enableOfflineQueue: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  maxRetriesPerRequest: 0,
  connectTimeout: 2000,
  // A command whose answer was lost may have been carried out; sending it again is the caller's decision.
  autoResendUnfulfilledCommands: false,
  // ioredis leaves the promise of its own SUBSCRIBE alone: where Redis dies once more just then, that unhandled rejection
  // would end the process. Who listens subscribes again by itself (cache/purges.ts).
  autoResubscribe: false,
  // How long a closed connection may linger; ioredis' 2 s would hold up the end of the process.
  disconnectTimeout: 200,
} as const satisfies Options;

/** Between two reconnects because of refused writes, in milliseconds: doubling, for what refuses them may go on to. */
const FIRST_READ_ONLY_PAUSE_MS = 1000;
const MAX_READ_ONLY_PAUSE_MS = 60_000;

/**
 * A master that became a replica (failover) refuses writes: connecting anew asks again which one is the master. Not at
 * each refusal: where that changes nothing, reads are still answered, and a connection that is cut answers none.
 */
function reconnectWhenReadOnly(): Options['reconnectOnError'] {
  let pause = 0;
  let notBefore = -Infinity;
  return ({ message }) => {
    const now = performance.now();
    if (!message.startsWith('READONLY') || now < notBefore) return false;
    const isNew = now > notBefore + MAX_READ_ONLY_PAUSE_MS;
    pause = isNew ? FIRST_READ_ONLY_PAUSE_MS : Math.min(2 * pause, MAX_READ_ONLY_PAUSE_MS);
    notBefore = now + pause;
    return 1;
  };
}

/** Milliseconds until the next attempt: doubling from 200 to 1,000, with jitter so that workers don't come in step. */
function retryDelayMs(attempt: number): number {
  return Math.min(100 * 2 ** Math.min(attempt, 5), 1000) + Math.random() * 100;
}

/**
 * An ioredis client for what `REDIS_URL` names. It starts to connect at once.
 *
 * @param options.socketTimeout - whether a silent connection is given up; not for subscribers, where silence is normal.
 */
export function createRedisClient(target: RedisTarget, { socketTimeout = true } = {}): RedisClient {
  const options: Options = {
    ...RESILIENT,
    reconnectOnError: reconnectWhenReadOnly(),
    ...(socketTimeout && { socketTimeout: SOCKET_TIMEOUT_MS }),
    ...loginOf(target),
  };
  return batchWrites(clientFor(target, options));
}

function clientFor(target: RedisTarget, options: Options): RedisClient {
  const tls = target.kind !== 'unix' && target.tls ? { tls: {} } : {};
  switch (target.kind) {
    case 'single':
      return new Redis({
        ...options,
        ...tls,
        retryStrategy: retryDelayMs,
        host: target.host,
        port: target.port,
        db: target.db,
      });
    case 'unix':
      return new Redis({ ...options, retryStrategy: retryDelayMs, path: target.path, db: target.db });
    case 'sentinel':
      return new Redis({
        ...options,
        ...tls,
        retryStrategy: retryDelayMs,
        sentinelRetryStrategy: retryDelayMs,
        sentinels: [...target.sentinels],
        name: target.master,
        db: target.db,
        enableTLSForSentinelMode: target.tls,
      });
    case 'cluster':
      return new Cluster([...target.nodes], {
        clusterRetryStrategy: retryDelayMs,
        enableOfflineQueue: false,
        slotsRefreshTimeout: 2000,
        redisOptions: { ...options, ...tls },
      });
  }
}

function loginOf({ username, password }: RedisTarget) {
  return { ...(username && { username }), ...(password && { password }) };
}
