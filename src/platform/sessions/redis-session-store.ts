import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import type { PlatformConfig } from '../config/settings.ts';
import { outageLog, type OutageLog } from '../observability/outage-log.ts';
import type { Logger } from '../observability/logger.ts';
import type { RedisClient } from '../redis/client.ts';
import { isWrongType } from '../redis/errors.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { sessionAges, SessionWrites, type SessionAges } from './session-data.ts';

export interface RedisSessionStoreOptions {
  readonly redis: RedisConnection;
  readonly config: Pick<
    PlatformConfig,
    'REDIS_KEY_PREFIX' | 'SESSION_IDLE_MINUTES' | 'SESSION_ABSOLUTE_HOURS'
  >;
  readonly logger: Logger;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** Only over what the request read. */
const TOUCH = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`;

type GetCallback = (error: unknown, data?: SessionData | null) => void;
type DoneCallback = (error?: unknown) => void;

/**
 * Sessions in Redis, shared by all processes. A read is one GET.
 *
 * Tells express-session when Redis goes and comes: connect-redis 8 does not, and without it every request with a
 * cookie would wait for a command to time out.
 */
export function createRedisSessionStore(options: RedisSessionStoreOptions): RedisSessionStore {
  const store = new RedisSessionStore(options);
  options.redis.onChange((up) => store.emit(up ? 'connect' : 'disconnect'));
  return store;
}

/** connect-redis with an end of its own for sessions (SessionAges), and without bringing ended ones back to life. */
export class RedisSessionStore extends RedisStore {
  /**
   * None: `disableTouch` makes connect-redis's do nothing, and where there is one express-session hashes each session
   * once more to learn whether to call it.
   */
  override touch = undefined as never;
  readonly #redis: RedisClient;
  readonly #ages: SessionAges;
  readonly #log: OutageLog;
  readonly #writes: SessionWrites;

  constructor({ redis, config, logger, now }: RedisSessionStoreOptions) {
    const ages = sessionAges(config, now);
    const writes = new SessionWrites(now);
    super({
      client: redis.client,
      prefix: `${config.REDIS_KEY_PREFIX}session:`,
      ttl: (data: SessionData) => ages.secondsLeft(data),
      // Without it each request would cost an EXPIRE beside its GET.
      disableTouch: true,
      serializer: {
        // connect-redis takes undefined for no session; its types do not say so.
        parse: (json) => writes.read(json) ?? (undefined as never),
        stringify: (data) => JSON.stringify(data),
      },
    });
    this.#redis = redis.client;
    this.#ages = ages;
    this.#writes = writes;
    this.#log = outageLog(logger, {
      failed: "sessions can't be read; requests go on without one",
      worked: 'sessions can be read again',
    });
  }

  override async get(sid: string, callback: GetCallback): Promise<void> {
    let data: SessionData | undefined;
    try {
      data = await this.#read(sid);
    } catch (error) {
      this.#log.failed(error);
      callback(error);
      return;
    }
    this.#log.worked();
    callback(null, data);
  }

  override createSession(...[req, data]: Parameters<RedisStore['createSession']>) {
    const session = super.createSession(req, data);
    this.#writes.loaded(session, data);
    return session;
  }

  override async set(
    sid: string,
    data: SessionData,
    callback: DoneCallback = () => undefined,
  ): Promise<void> {
    try {
      await this.#write(sid, data);
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  async #write(sid: string, data: SessionData): Promise<void> {
    const write = this.#writes.plan(data);
    const seconds = this.#ages.secondsLeft(write.times);
    if (seconds <= 0) {
      await this.destroy(sid);
      return;
    }
    const key = this.prefix + sid;
    if (write.kind === 'touch') await this.#redis.eval(TOUCH, 1, key, write.from ?? '', write.json, seconds);
    else if (write.kind === 'replace') await this.#redis.set(key, write.json, 'EX', seconds, 'XX');
    else await this.#redis.set(key, write.json, 'EX', seconds);
    this.#writes.saved(data, write.json);
  }

  /** Redis ends sessions by itself; this catches those that outlived a change of the configuration. */
  async #read(sid: string): Promise<SessionData | undefined> {
    const data = (await super.get(sid).catch(noneIfWrongType)) as SessionData | null | undefined;
    if (!data || !this.#ages.isOver(data)) return data ?? undefined;
    await this.destroy(sid);
    return undefined;
  }
}

/** A stray value under a session's key must cost a log in, and no more. */
function noneIfWrongType(error: unknown): undefined {
  if (!isWrongType(error)) throw error;
}
