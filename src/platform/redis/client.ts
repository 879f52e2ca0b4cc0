import { Cluster, Redis, type Command, type RedisOptions } from 'ioredis';
import type { RedisLogin, RedisTarget } from '../config/redis-url.ts';

/** One Redis server, a Sentinel's master, or a Cluster: the commands are the same. */
export type RedisClient = Redis | Cluster;

type Options = Omit<RedisOptions, 'replyMapping'>;
type Nodes = ConstructorParameters<typeof Cluster>[0];

/**
 * For what `Deadlines` does not see: the nodes' own handshakes in a Cluster, and Sentinels. In milliseconds; longer than
 * a pause of the process is likely to be, because these timers ignore what has arrived.
 */
const BACKSTOP_MS = 2000;

/**
 * Options under which a Redis that is refused, killed or hanging costs a request milliseconds, not minutes, and under
 * which the app finds it again by itself. ioredis' defaults make every request wait until Redis is back.
 */
const RESILIENT = {
  // Fail at once while there is no connection, rather than queue.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: BACKSTOP_MS,
  // A command whose response was lost may have been carried out; sending it again is the caller's decision.
  autoResendUnfulfilledCommands: false,
  // ioredis does not handle the promise of its own SUBSCRIBE: where Redis dies again just then, the unhandled rejection
  // would end the process. A subscriber subscribes again by itself (cache/purges.ts).
  autoResubscribe: false,
  // How long a closed connection may linger; ioredis' 2 s would hold up the end of the process.
  disconnectTimeout: 200,
} as const satisfies Options;

/** Between two reconnects because of refused writes, in milliseconds: doubling, because the refusal may last. */
const FIRST_READ_ONLY_PAUSE_MS = 1000;
const MAX_READ_ONLY_PAUSE_MS = 60_000;

/**
 * A master that became a replica (failover) refuses writes: a new connection finds the new master. Not at each refusal:
 * where that changes nothing, reads still work, and would fail during a reconnect.
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

/** Milliseconds until the next attempt: doubling from 200 to 1,000, with jitter so that workers do not reconnect in step. */
function retryDelayMs(attempt: number): number {
  return Math.min(100 * 2 ** Math.min(attempt, 5), 1000) + Math.random() * 100;
}

/** A command without a response fails at the fifth tick after it: after 400 to 500 ms. */
const TICK_MS = 100;
const TICKS = 5;

/**
 * Fails commands that get no response in about half a second.
 *
 * It counts ticks rather than time: after a pause of the process (garbage collection, a stopped container, a long
 * computation) every timer is due before anything is read that arrived meanwhile. A pause, however long, is one tick,
 * and at each tick what has arrived is read first.
 */
export class Deadlines {
  readonly #onFailure: (error: Error) => void;
  readonly #onLate: () => void;
  #waiting: { readonly command: Command; ticks: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onFailure - called with the error of each command that failed, before the command's caller gets it.
   * @param onLate - called once when commands were late: the connection is dead.
   */
  constructor(onFailure: (error: Error) => void, onLate: () => void) {
    this.#onFailure = onFailure;
    this.#onLate = onLate;
  }

  watch(command: Command): void {
    command.promise.catch(this.#onFailure);
    this.#waiting.push({ command, ticks: 0 });
    this.#timer ??= setInterval(() => {
      // Runs after what has arrived was read.
      setImmediate(() => {
        this.#tick();
      });
    }, TICK_MS).unref();
  }

  #tick(): void {
    this.#waiting = this.#waiting.filter(({ command }) => !command.isSettled);
    for (const waiting of this.#waiting) waiting.ticks++;
    const late = this.#waiting.filter(({ ticks }) => ticks >= TICKS);
    for (const { command } of late) command.reject(new Error('Command timed out'));
    if (late.length > 0) this.#onLate();
    if (this.#waiting.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** A client whose connection ends with the first command that gets no response: a request that sends several waits once. */
class WatchedRedis extends Redis {
  readonly #deadlines: Deadlines;
  #isCorked = false;

  constructor(options: Options, onFailure: (error: Error) => void) {
    super(options);
    this.#deadlines = new Deadlines(onFailure, () => this.stream.destroy(new Error('Command timed out')));
    // A set-up that was refused, SELECT above all, would leave a connection that is "ready" in database 0.
    this.on('error', () => {
      if (this.status === 'connect') this.disconnect(true);
    });
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    this.#deadlines.watch(command);
    if (this.status === 'ready' && !this.#isCorked) this.#cork();
    return super.sendCommand(command, stream);
  }

  /** Sends the commands of one turn of the event loop in one write: about 10 % of what a request with a session costs. */
  #cork(): void {
    const { stream } = this;
    this.#isCorked = true;
    stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }
}

/** The same for a Cluster; its nodes' connections end by BACKSTOP_MS. */
class WatchedCluster extends Cluster {
  readonly #deadlines: Deadlines;

  constructor(nodes: Nodes, options: Options, onFailure: (error: Error) => void) {
    super(nodes, {
      clusterRetryStrategy: retryDelayMs,
      enableOfflineQueue: false,
      slotsRefreshTimeout: BACKSTOP_MS,
      // Names stay names until the connection is made: a certificate is checked against them.
      dnsLookup: (address, done) => {
        done(null, address);
      },
      redisOptions: { ...options, commandTimeout: BACKSTOP_MS, socketTimeout: BACKSTOP_MS },
    });
    this.#deadlines = new Deadlines(onFailure, () => undefined);
  }

  override sendCommand(...[command, ...rest]: Parameters<Cluster['sendCommand']>): unknown {
    this.#deadlines.watch(command);
    return super.sendCommand(command, ...rest);
  }
}

/**
 * An ioredis client for what `REDIS_URL` names. It starts to connect at once.
 *
 * @param onFailure - called with the error of each command that failed, before the command's caller gets it.
 */
export function createRedisClient(
  target: RedisTarget,
  onFailure: (error: Error) => void = () => undefined,
): RedisClient {
  const options: Options = {
    ...RESILIENT,
    reconnectOnError: reconnectWhenReadOnly(),
    ...tlsOf(target),
    ...loginOf(target),
  };
  return target.kind === 'cluster'
    ? new WatchedCluster([...target.nodes], options, onFailure)
    : new WatchedRedis({ ...options, retryStrategy: retryDelayMs, ...serverOf(target) }, onFailure);
}

function serverOf(target: Exclude<RedisTarget, { kind: 'cluster' }>): Options {
  const { db } = target;
  if (target.kind === 'single') return { db, host: target.host, port: target.port };
  if (target.kind === 'unix') return { db, path: target.path };
  const { username, password } = target.sentinelLogin ?? {};
  return {
    db,
    sentinels: [...target.sentinels],
    name: target.master,
    ...(username && { sentinelUsername: username }),
    ...(password && { sentinelPassword: password }),
    enableTLSForSentinelMode: target.tls,
    sentinelRetryStrategy: retryDelayMs,
    sentinelCommandTimeout: BACKSTOP_MS,
  };
}

/**
 * Why no node of a Cluster, or no Sentinel, lets us in. ioredis reports only "Connection is closed." So each server is
 * tried once more by itself.
 *
 * @returns the first error; undefined where all let us in.
 */
export async function connectionErrorOf(target: RedisTarget): Promise<Error | undefined> {
  if (target.kind !== 'cluster' && target.kind !== 'sentinel') return undefined;
  const isCluster = target.kind === 'cluster';
  const login = isCluster ? { ...tlsOf(target), ...loginOf(target) } : loginOf(target.sentinelLogin ?? {});
  for (const { host, port } of isCluster ? target.nodes : target.sentinels) {
    const error = await tryToConnect({ ...login, host, port });
    if (error) return error;
  }
  return undefined;
}

async function tryToConnect(server: Options): Promise<Error | undefined> {
  let error: Error | undefined;
  const once = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null };
  const client = new Redis({ ...once, connectTimeout: BACKSTOP_MS, commandTimeout: BACKSTOP_MS, ...server });
  client.on('error', (reported: Error) => {
    error ??= reported;
  });
  // It rejects with less than the event has.
  await client.connect().catch(() => undefined);
  if (client.status !== 'end') client.disconnect();
  return error;
}

function tlsOf(target: RedisTarget) {
  return target.kind !== 'unix' && target.tls ? { tls: {} } : {};
}

function loginOf({ username, password }: RedisLogin) {
  return { ...(username && { username }), ...(password && { password }) };
}
