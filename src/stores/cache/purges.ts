import { randomUUID } from 'node:crypto';
import type { Logger } from '../../runtime/logger.ts';
import type { RedisNames } from './names.ts';
import { VERSION_SECONDS } from './shared.ts';
import type { RedisConnection } from '../redis.ts';

/** How often the channel is tried, in milliseconds: three times before it counts as silent. */
const TICK_MS = 300;

/** So many heartbeats that went out and did not come in: the connection is open but dead. */
const UNHEARD_LIMIT = 6;

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
  /** Purges that Redis was not there for. */
  readonly #pending = new Set<string>();
  #listening = false;
  #subscribing = false;
  #heardUntil = -Infinity;
  #unheard = 0;

  constructor(parts: PurgeParts) {
    this.#parts = parts;
    this.#heartbeats = `${parts.names.channel}:${randomUUID()}`;
    const { redis, subscriber } = parts;
    redis.onChange((up) => {
      if (up) this.#sendPending();
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

  /** Resolves when Redis has it; where Redis is away it is sent as soon as that is back. Never fails. */
  async send(name: string): Promise<void> {
    const { redis, names, logger, onPurge } = this.#parts;
    onPurge(name);
    try {
      if (!redis.isUp()) throw new Error('redis is away');
      const { client } = redis;
      await client.set(names.version(name), randomUUID(), 'EX', VERSION_SECONDS);
      // Only now: who hears it looks the version up.
      await Promise.all([
        client.publish(names.channel, JSON.stringify(name)),
        name.startsWith('k:') && client.unlink(names.entry(name.slice(2))),
      ]);
      // Between the first time and the new version, somebody may have put the old entry back into memory.
      onPurge(name);
    } catch (err) {
      if (this.#pending.size === 0) logger.warn({ err }, 'a cache purge waits for redis');
      if (this.#pending.size < MAX_PENDING) this.#pending.add(name);
    }
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
      this.#sendPending();
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

  #sendPending(): void {
    const names = [...this.#pending];
    this.#pending.clear();
    for (const name of names) void this.send(name);
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
