import type { Store } from 'express-session';
import type { PlatformConfig } from '../config/settings.ts';
import type { Cache } from '../cache/cache.ts';
import type { RedisConnection } from '../redis/connection.ts';

/** Everything that outlives a request: in Redis, or in this process's memory (the embedded default). */
export interface Stores {
  readonly kind: PlatformConfig['STORE'];
  /** The connection for commands; undefined with the memory store. */
  readonly redis: RedisConnection | undefined;
  readonly sessions: Store;
  readonly cache: Cache;
  /** undefined where there is nothing that could be away. */
  isUp(): boolean | undefined;
  /** Why it is down, or what it refuses although it is up; undefined when all is well. */
  problem(): string | undefined;
  close(): Promise<void>;
}
