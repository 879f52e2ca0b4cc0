import { randomUUID } from 'node:crypto';
import { outageLog, type OutageLog } from '../observability/outage-log.ts';
import type { Logger } from '../observability/logger.ts';
import type { RedisNames } from './names.ts';
import { VERSION_SECONDS } from './shared.ts';
import type { RedisConnection } from '../redis/connection.ts';

/** How often the channel is tried, in milliseconds: three times before it counts as silent. */
const TICK_MS = 300;

/** So many heartbeats that went out and did not come in: the connection is open but dead. */
const UNHEARD_LIMIT = 6;

/**
 * How long purges wait that a Redis refused which is there, in milliseconds: doubling from a second. A replica, or one
 * without memory, may refuse for hours, and each try may cost the connection (redis/client.ts).
 */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/**
 * How long a purge waits for a Redis that was lost, in milliseconds: a connection that was cut is back in a third of a
 * second, so that the change can be confirmed rather than refused.
 */
const WAIT_MS = 700;

/** More purges than this are not remembered while Redis is away. */
const MAX_PENDING = 10_000;

export interface PurgeParts {
  readonly redis: RedisConnection;
  readonly subscriber: RedisConnection | undefined;
  readonly names: RedisNames;
  readonly logger: Logger;
  /** A key or tag was purged, here or elsewhere. */
  readonly onPurge: (name: string) => void;
  /** Purges may have been missed. */
  readonly onGap: () => void;
}

/**
 * Tells purges to every process, and hears theirs.
 *
 * A published message is lost on whoever is not listening, and a dead connection may look like a quiet one. So each
 * process sends itself heartbeats through the same channel: what it holds in memory counts without a look at Redis
 * only while they come back. On a Cluster they prove nothing, because ioredis changes its subscriber connection there
 * without a word.
 */
export class Purges {
  readonly #parts: PurgeParts;
  readonly #timer: NodeJS.Timeout;
  readonly #heartbeats: string;
  readonly #log: OutageLog;
  /** Purges that Redis was not there for, or refused. */
  readonly #pending = new Set<string>();
  /** Who waits until Redis has a name. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #retryMs = FIRST_RETRY_MS;
  #retryAt = 0;
  #listening = false;
  #subscribing = false;
  #heardUntil = -Infinity;
  #unheard = 0;

  constructor(parts: PurgeParts) {
    this.#parts = parts;
    this.#log = outageLog(parts.logger, {
      failed: 'a cache purge waits for redis',
      worked: 'redis takes cache purges again',
    });
    this.#heartbeats = `${parts.names.channel}:${randomUUID()}`;
    const { redis, subscriber } = parts;
    redis.onChange((up) => {
      if (up) void this.#sendPending();
    });
    subscriber?.onChange((up) => {
      this.#stopListening();
      if (up) void this.#listen(subscriber);
    });
    subscriber?.client.on('message', (channel: string, message: string) => {
      this.#hear(channel, message);
    });
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS).unref();
    this.#tick();
  }

  /** `performance.now()` up to which every purge has certainly been heard. */
  get heardUntil(): number {
    return this.#heardUntil;
  }

  /**
   * Resolves with true when Redis has it; with false where it can't be reached: then it is sent as soon as that is back.
   * Never fails.
   */
  async send(name: string): Promise<boolean> {
    const { redis, onPurge } = this.#parts;
    const until = performance.now() + WAIT_MS;
    onPurge(name);
    if (!redis.isUp()) this.#postpone(name, new Error('redis is away'));
    else if (await this.#publish(name)) return true;
    return this.#taken(name, until - performance.now());
  }

  /** Whether Redis takes the name within this time. */
  #taken(name: string, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const end = (taken: boolean) => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(name);
        resolve(taken);
      };
      const done = () => {
        end(true);
      };
      const timer = setTimeout(() => {
        end(false);
      }, ms);
      waiting.add(done);
    });
  }

  /** @returns whether Redis took it. */
  async #publish(name: string): Promise<boolean> {
    const { redis, names, onPurge } = this.#parts;
    const { client } = redis;
    try {
      await client.set(names.version(name), randomUUID(), 'EX', VERSION_SECONDS);
      // Only now: who hears it looks the version up.
      await Promise.all([
        client.publish(names.channel, JSON.stringify(name)),
        name.startsWith('k:') && client.unlink(names.entry(name.slice(2))),
      ]);
      // Between the first time and the new version, somebody may have put the old entry back into memory.
      onPurge(name);
      this.#log.worked();
      for (const done of [...(this.#waiting.get(name) ?? [])]) done();
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

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopListening();
    const { subscriber, names } = this.#parts;
    if (!subscriber?.isUp()) return;
    await subscriber.client.unsubscribe(names.channel, this.#heartbeats).catch(() => undefined);
  }

  #tick(): void {
    const { redis, subscriber } = this.#parts;
    if (redis.isUp()) {
      void this.#sendPending();
      if (this.#listening) void this.#beat(redis);
    }
    if (!subscriber?.isUp()) return;
    if (!this.#listening) void this.#listen(subscriber);
    if (this.#unheard <= UNHEARD_LIMIT) return;
    this.#unheard = 0;
    this.#parts.logger.warn('the connection for cache purges has gone silent; connecting anew');
    subscriber.client.disconnect(true);
  }

  async #listen({ client }: RedisConnection): Promise<void> {
    if (this.#subscribing) return;
    this.#subscribing = true;
    try {
      await client.subscribe(this.#parts.names.channel, this.#heartbeats);
      this.#parts.onGap();
      this.#listening = true;
    } catch {
      // The next tick tries again.
    } finally {
      this.#subscribing = false;
    }
  }

  #stopListening(): void {
    this.#listening = false;
    this.#heardUntil = -Infinity;
    this.#unheard = 0;
  }

  async #beat({ client }: RedisConnection): Promise<void> {
    try {
      await client.publish(this.#heartbeats, String(performance.now()));
      this.#unheard++;
    } catch {
      // Redis is away: nothing is heard, and that is right.
    }
  }

  #hear(channel: string, message: string): void {
    if (channel === this.#parts.names.channel) this.#parts.onPurge(nameIn(message));
    else if (channel === this.#heartbeats && this.#listening) {
      this.#unheard = 0;
      const certain = this.#parts.subscriber?.client.isCluster !== true;
      if (certain) this.#heardUntil = Number(message);
    }
  }

  async #sendPending(): Promise<void> {
    if (this.#pending.size === 0 || performance.now() < this.#retryAt) return;
    const names = [...this.#pending];
    this.#pending.clear();
    for (const name of names) this.#parts.onPurge(name);
    const taken = await Promise.all(names.map((name) => this.#publish(name)));
    if (taken.every(Boolean)) {
      this.#retryMs = FIRST_RETRY_MS;
      return;
    }
    this.#retryAt = performance.now() + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
  }
}

/** A message that is none of ours must not end the process. */
function nameIn(message: string): string {
  try {
    return String(JSON.parse(message));
  } catch {
    return '';
  }
}
