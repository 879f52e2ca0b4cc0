import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { Logger } from '../observability/logger.ts';
import { outageLog, type OutageLog } from '../observability/outage-log.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { SharedEntries } from './shared.ts';

/** How often the channel is tried, in milliseconds: three times before it counts as silent. */
const TICK_MS = 300;

/** With more heartbeats than this sent and not received, the connection is open but dead. */
const MAX_MISSED = 6;

/**
 * Until purges that Redis refused are sent again, in milliseconds: doubling from a second. A replica, or a server without
 * memory, may refuse for hours, and each attempt may cost the connection (redis/client.ts).
 */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/**
 * How long a purge waits for a Redis that was lost, in milliseconds: a connection that was cut is back in a third of a
 * second, so that the change can be confirmed rather than refused.
 */
const WAIT_MS = 700;

/** No more purges than this are remembered while Redis is away. */
const MAX_PENDING = 10_000;

export interface PurgeParts {
  readonly redis: RedisConnection;
  readonly subscriber: RedisConnection | undefined;
  readonly shared: SharedEntries;
  readonly channel: string;
  readonly logger: Logger;
  /** A key or tag was purged, here or elsewhere. */
  readonly onPurge: (name: string) => void;
  /** Purges may have been missed. */
  readonly onGap: () => void;
}

/**
 * Sends purges to every process, and receives theirs.
 *
 * A published message is lost for those who are not listening, and a dead connection may look like a quiet one. So each
 * process sends itself heartbeats through Redis: while they come back, its entries in memory need no look into Redis. On
 * a Cluster they prove nothing, because ioredis replaces its subscriber connection there without an event.
 */
export class Purges {
  readonly #parts: PurgeParts;
  readonly #timer: NodeJS.Timeout;
  readonly #heartbeats: string;
  readonly #log: OutageLog;
  /** Purges that Redis was not there for, or refused. */
  readonly #pending = new Set<string>();
  /** An event per name that Redis has. */
  readonly #sent = new EventEmitter().setMaxListeners(0);
  #retryMs = FIRST_RETRY_MS;
  #retryAt = 0;
  #isListening = false;
  #isSubscribing = false;
  #receivedUntil = -Infinity;
  #missed = 0;

  constructor(parts: PurgeParts) {
    this.#parts = parts;
    this.#log = outageLog(parts.logger, {
      failed: 'a cache purge waits for redis',
      worked: 'redis accepts cache purges again',
    });
    this.#heartbeats = `${parts.channel}:${randomUUID()}`;
    const { redis, subscriber } = parts;
    redis.onChange((up) => {
      if (up) void this.#sendPending();
    });
    subscriber?.onChange((up) => {
      this.#stopListening();
      if (up) void this.#listen(subscriber);
    });
    subscriber?.client.on('message', (channel: string, message: string) => {
      this.#receive(channel, message);
    });
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS).unref();
    this.#tick();
  }

  /** `performance.now()` up to which every purge has certainly been received. */
  get receivedUntil(): number {
    return this.#receivedUntil;
  }

  /**
   * Resolves with true when Redis has it; with false where Redis cannot be reached: then it is sent once that is back.
   * Never rejects.
   */
  async send(name: string): Promise<boolean> {
    const { redis, onPurge } = this.#parts;
    const until = performance.now() + WAIT_MS;
    onPurge(name);
    if (!redis.isUp()) this.#postpone(name, new Error('redis is away'));
    else if (await this.#publish(name)) return true;
    const signal = AbortSignal.timeout(Math.max(0, Math.round(until - performance.now())));
    return once(this.#sent, name, { signal }).then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopListening();
    const { subscriber, channel } = this.#parts;
    if (!subscriber?.isUp()) return;
    await subscriber.client.unsubscribe(channel, this.#heartbeats).catch(() => undefined);
  }

  /** @returns whether Redis has it. */
  async #publish(name: string): Promise<boolean> {
    const { redis, shared, channel, onPurge } = this.#parts;
    try {
      await shared.invalidate(name);
      // Only now: a process that receives it looks the version up.
      await redis.client.publish(channel, JSON.stringify(name));
      // Between the first time and the new version, the old entry may have been put back into memory.
      onPurge(name);
      this.#log.worked();
      this.#sent.emit(name);
      return true;
    } catch (error) {
      this.#postpone(name, error);
      return false;
    }
  }

  #postpone(name: string, error: unknown): void {
    this.#log.failed(error);
    if (this.#pending.size < MAX_PENDING) this.#pending.add(name);
  }

  async #sendPending(): Promise<void> {
    if (this.#pending.size === 0 || performance.now() < this.#retryAt) return;
    const names = [...this.#pending];
    this.#pending.clear();
    for (const name of names) this.#parts.onPurge(name);
    const sent = await Promise.all(names.map((name) => this.#publish(name)));
    if (sent.every(Boolean)) {
      this.#retryMs = FIRST_RETRY_MS;
      return;
    }
    this.#retryAt = performance.now() + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
  }

  #tick(): void {
    const { redis, subscriber, logger } = this.#parts;
    if (redis.isUp()) {
      void this.#sendPending();
      if (this.#isListening) void this.#sendHeartbeat(redis);
    }
    if (!subscriber?.isUp()) return;
    if (!this.#isListening) void this.#listen(subscriber);
    if (this.#missed <= MAX_MISSED) return;
    this.#missed = 0;
    logger.warn('the connection for cache purges is silent; reconnecting');
    subscriber.client.disconnect(true);
  }

  async #listen({ client }: RedisConnection): Promise<void> {
    if (this.#isSubscribing) return;
    this.#isSubscribing = true;
    try {
      await client.subscribe(this.#parts.channel, this.#heartbeats);
      this.#parts.onGap();
      this.#isListening = true;
    } catch {
      // The next tick tries again.
    } finally {
      this.#isSubscribing = false;
    }
  }

  #stopListening(): void {
    this.#isListening = false;
    this.#receivedUntil = -Infinity;
    this.#missed = 0;
  }

  async #sendHeartbeat({ client }: RedisConnection): Promise<void> {
    try {
      await client.publish(this.#heartbeats, String(performance.now()));
      this.#missed++;
    } catch {
      // Redis is away: none comes back, which is right.
    }
  }

  #receive(channel: string, message: string): void {
    if (channel === this.#parts.channel) this.#parts.onPurge(nameIn(message));
    else if (channel === this.#heartbeats && this.#isListening) {
      this.#missed = 0;
      if (!this.#parts.redis.client.isCluster) this.#receivedUntil = Number(message);
    }
  }
}

/** A foreign message must not end the process. */
function nameIn(message: string): string {
  try {
    return String(JSON.parse(message));
  } catch {
    return '';
  }
}
