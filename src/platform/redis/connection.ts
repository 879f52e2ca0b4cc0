import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import {
  findListenProblem,
  findRedisProblem,
  watchErrors,
  type RedisCheckOptions,
  type RedisProblem,
} from './check.ts';
import { createRedisClient, type RedisClient } from './client.ts';
import { isRedisAway, isRefusal, publicReason } from './errors.ts';

export interface RedisConnection {
  readonly client: RedisClient;
  /** Whether a command has a chance right now. */
  isUp(): boolean;
  /** Why it is down, or what it refuses although it is up, in a few words that anybody may see. */
  problem(): string | undefined;
  /** Calls back on each change between up and down. */
  onChange(listener: (up: boolean) => void): void;
  /** Calls back when a command failed because Redis was away or refused it, before the command's caller sees that. */
  onFailure(listener: () => void): void;
  /** Resolves when the first attempt to connect has come to an end, good or bad. */
  readonly settled: Promise<void>;
  close(): Promise<void>;
}

type RedisRole = 'commands' | 'subscriber';

export interface RedisConnectionOptions {
  /** `subscriber` for a connection that only listens; it needs no rights on keys. Default `commands`. */
  readonly role?: RedisRole;
}

/** Until a connection that has a problem is checked again, in milliseconds. */
const RECHECK_MS = 1000;

/** Refusals that come and go, for example at the limit of the memory, are logged once in so many milliseconds. */
const WARN_EVERY_MS = 60_000;

/** Reasons that say no more than "away": an outage goes through several of them. */
const UNREACHABLE = /^(?:E[A-Z]+|unreachable)$/;

/** So many reasons of one outage are logged; there are not more that help. */
const MAX_REASONS = 10;

/**
 * Connects to what `REDIS_URL` names, and keeps connecting for as long as the process lives. Does not wait and does
 * not fail: an app must start, and serve what it can, while Redis is away.
 *
 * Up means more than connected: each new connection is checked (check.ts), and again when Redis refuses something.
 */
export function connectRedis(
  config: Pick<PlatformConfig, 'REDIS_URL' | 'REDIS_KEY_PREFIX'>,
  logger: Logger,
  { role = 'commands' }: RedisConnectionOptions = {},
): RedisConnection {
  if (!config.REDIS_URL) throw new Error('connectRedis needs a REDIS_URL');
  const check = { target: config.REDIS_URL, prefix: config.REDIS_KEY_PREFIX };
  return new CheckedConnection(check, logger.child({ role }), role);
}

class CheckedConnection implements RedisConnection {
  readonly client: RedisClient;
  readonly settled: Promise<void>;
  readonly #options: RedisCheckOptions;
  readonly #logger: Logger;
  readonly #role: RedisRole;
  readonly #errors: ReturnType<typeof watchErrors>;
  readonly #onChange: ((up: boolean) => void)[] = [];
  readonly #onFailure: (() => void)[] = [];
  /** Of this outage, as they were logged. */
  readonly #reasons = new Set<string>();
  #up: boolean | undefined;
  #problem: string | undefined = 'not connected yet';
  #explaining = false;
  #connections = 0;
  #checking = false;
  #checkedAt = -Infinity;
  #warnedAt = -Infinity;
  #recheck: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: RedisCheckOptions, logger: Logger, role: RedisRole) {
    this.#options = options;
    this.#logger = logger;
    this.#role = role;
    this.settled = new Promise((resolve) => {
      this.onChange(() => {
        resolve();
      });
    });
    this.client = createRedisClient(options.target, (error) => {
      this.#commandFailed(error);
    });
    this.#errors = this.#listen();
  }

  isUp(): boolean {
    return this.#up === true && this.client.status === 'ready';
  }

  problem(): string | undefined {
    return this.#problem;
  }

  onChange(listener: (up: boolean) => void): void {
    this.#onChange.push(listener);
  }

  onFailure(listener: () => void): void {
    this.#onFailure.push(listener);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.client.quit().catch(() => undefined);
    this.client.disconnect();
  }

  #listen() {
    const { client } = this;
    client.on('close', () => {
      this.#lost();
    });
    client.on('ready', () => {
      this.#connections++;
      void this.#check();
    });
    return watchErrors(client, this.#options.target, () => {
      // An attempt may go on inside of ioredis and never come to a close: Sentinels that don't answer.
      if (client.status !== 'ready' && !this.#up) this.#lost();
    });
  }

  #lost(): void {
    const error = this.#errors.known();
    if (error) this.#down({ reason: publicReason(error), detail: error.message });
    else void this.#explain();
  }

  /** ioredis does not say why; the listeners must not wait until that is found out. */
  async #explain(): Promise<void> {
    if (this.#up) this.#change(false);
    this.#problem = 'unreachable';
    if (this.#explaining) return;
    this.#explaining = true;
    const error = await this.#errors.explained();
    this.#explaining = false;
    if (this.#up || this.client.status === 'ready') return;
    this.#down({ reason: publicReason(error), detail: error.message });
  }

  #commandFailed(error: Error): void {
    if (!isRedisAway(error)) return;
    for (const listener of this.#onFailure) listener();
    // Rights can be taken away, and a disk fill up, while connected.
    if (isRefusal(error) && performance.now() > this.#checkedAt + RECHECK_MS) void this.#check();
  }

  /** Where a connection is closed in the middle, its successor is checked in turn. */
  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    let checked: number;
    let problem: RedisProblem | undefined;
    do {
      checked = this.#connections;
      const find = this.#role === 'commands' ? findRedisProblem : findListenProblem;
      problem = await find(this.client, this.#options);
    } while (checked !== this.#connections);
    this.#checking = false;
    this.#checkedAt = performance.now();
    if (this.client.status !== 'ready' || this.#closing) return;
    if (problem?.lasting) this.#down(problem);
    else this.#isBack(problem);
    clearTimeout(this.#recheck);
    if (problem) this.#recheck = setTimeout(() => void this.#check(), RECHECK_MS).unref();
  }

  #isBack(problem: RedisProblem | undefined): void {
    if (problem && problem.reason !== this.#problem && performance.now() > this.#warnedAt + WARN_EVERY_MS) {
      this.#warnedAt = performance.now();
      this.#logger.warn({ reason: problem.detail }, 'redis is there, and refuses what the app needs');
    }
    this.#problem = problem?.reason;
    if (this.#up) return;
    this.#reasons.clear();
    this.#logger.info('redis is up');
    this.#change(true);
  }

  /** One line per outage and reason, or an outage of an hour fills the disk. */
  #down({ reason, detail }: Pick<RedisProblem, 'reason' | 'detail'>): void {
    if (this.#closing) return;
    this.#problem = reason;
    const isFirst = this.#reasons.size === 0;
    const isNew = !this.#reasons.has(reason) && this.#reasons.size < MAX_REASONS;
    if (isFirst || (isNew && !UNREACHABLE.test(reason))) {
      this.#reasons.add(reason);
      const text = isFirst
        ? 'redis is down; reconnecting until it is back'
        : 'redis is still down, for another reason';
      this.#logger.error({ reason: detail }, text);
    }
    if (this.#up !== false) this.#change(false);
  }

  #change(up: boolean): void {
    this.#up = up;
    for (const listener of this.#onChange) listener(up);
  }
}
