import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { findListenProblem, findRedisProblem, type RedisCheckOptions, type RedisProblem } from './check.ts';
import { connectionErrorOf, createRedisClient, type RedisClient } from './client.ts';
import { isRedisAway, isRefusal, publicReason } from './errors.ts';

/** `subscriber` is for a connection that only listens; it needs no rights on keys. */
export type RedisRole = 'commands' | 'subscriber';

export type RedisConfig = Pick<PlatformConfig, 'REDIS_URL' | 'REDIS_KEY_PREFIX'>;

/** Until a connection that has a problem is checked again, in milliseconds. */
const RECHECK_MS = 1000;

/** Refusals that come and go, for example at the limit of the memory, are logged once in this time, in milliseconds. */
const WARN_EVERY_MS = 60_000;

/** Reasons that mean no more than "away": an outage goes through several of them. */
const UNREACHABLE = /^(?:E[A-Z]+|unreachable)$/;

/** At most this many reasons of one outage are logged. */
const MAX_REASONS = 10;

/** ioredis emits these after the error that closed the connection; they explain nothing. */
const FOLLOW_UP = /^(?:Stream isn't writeable|Connection is closed)/;

/** In what it reports where all nodes or Sentinels failed, too. */
const CLOSED = 'Connection is closed.';

/**
 * Connects to what `REDIS_URL` names, and reconnects for as long as the process lives. Does not wait and does not fail:
 * an app must start, and serve what it can, while Redis is away.
 *
 * Up means more than connected: each new connection is checked (check.ts), and again when Redis refuses something.
 */
export function connectRedis(
  config: RedisConfig,
  logger: Logger,
  { role = 'commands' }: { role?: RedisRole } = {},
): RedisConnection {
  if (!config.REDIS_URL) throw new Error('connectRedis needs a REDIS_URL');
  const check = { target: config.REDIS_URL, prefix: config.REDIS_KEY_PREFIX };
  return new RedisConnection(check, logger.child({ role }), role);
}

export class RedisConnection {
  readonly client: RedisClient;
  /** Resolves when the first attempt to connect has succeeded, or has failed and the reason is known. */
  readonly settled: Promise<void>;
  readonly #options: RedisCheckOptions;
  readonly #logger: Logger;
  readonly #role: RedisRole;
  readonly #onChange: ((up: boolean) => void)[] = [];
  readonly #onFailure: (() => void)[] = [];
  /** Of this outage, as they were logged. */
  readonly #reasons = new Set<string>();
  #settle: () => void = () => undefined;
  #up: boolean | undefined;
  #problem: Pick<RedisProblem, 'reason' | 'detail'> | undefined = unreachable('not connected yet');
  /** The last error of the connection. */
  #error: Error | undefined;
  /** The last error of one node of a Cluster, or one Sentinel: the cause of "all failed". */
  #nodeError: Error | undefined;
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
      this.#settle = resolve;
    });
    this.client = createRedisClient(options.target, (error) => {
      this.#commandFailed(error);
    });
    this.#listen();
  }

  /** Whether a command has a chance right now. */
  isUp(): boolean {
    return this.#up === true && this.client.status === 'ready';
  }

  /** Why it is down, or what it refuses although it is up. */
  problem() {
    return this.#problem;
  }

  /** Calls back on each change between up and down. */
  onChange(listener: (up: boolean) => void): void {
    this.#onChange.push(listener);
  }

  /** Calls back when a command failed because Redis was away or refused it, before the command's caller gets the error. */
  onFailure(listener: () => void): void {
    this.#onFailure.push(listener);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.client.quit().catch(() => undefined);
    this.client.disconnect();
  }

  #listen(): void {
    const { client } = this;
    const keepNodeError = (error: Error) => {
      this.#nodeError = error;
    };
    client.on('node error', keepNodeError).on('sentinelError', keepNodeError);
    client.on('error', (error: Error) => {
      if (!this.#error || !FOLLOW_UP.test(error.message)) this.#error = this.#nodeError ?? error;
      // An attempt may go on inside ioredis without a "close": Sentinels that do not respond.
      if (client.status !== 'ready' && !this.#up) this.#lost();
    });
    client.on('close', () => {
      this.#lost();
    });
    client.on('ready', () => {
      this.#error = this.#nodeError = undefined;
      this.#connections++;
      void this.#check();
    });
  }

  #lost(): void {
    const error = this.#error;
    if (error && !error.message.includes(CLOSED)) this.#down(unreachable(error));
    else void this.#explain();
  }

  /** ioredis does not report why; the listeners must not wait for it. */
  async #explain(): Promise<void> {
    if (this.#up) this.#change(false);
    this.#problem = unreachable('unreachable');
    if (this.#explaining) return;
    this.#explaining = true;
    const error = (await connectionErrorOf(this.#options.target)) ?? this.#error;
    this.#explaining = false;
    if (this.#up || this.client.status === 'ready') return;
    this.#down(unreachable(error ?? new Error(CLOSED)));
  }

  #commandFailed(error: Error): void {
    if (!isRedisAway(error)) return;
    for (const listener of this.#onFailure) listener();
    // Rights can be taken away, and a disk fill up, while connected.
    if (isRefusal(error) && performance.now() > this.#checkedAt + RECHECK_MS) void this.#check();
  }

  /** Where the connection is closed meanwhile, the next one is checked in turn. */
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
    const isNew = problem !== undefined && problem.reason !== this.#problem?.reason;
    if (isNew && performance.now() > this.#warnedAt + WARN_EVERY_MS) {
      this.#warnedAt = performance.now();
      this.#logger.warn({ reason: problem.detail }, 'redis is up, but refuses what the app needs');
    }
    this.#problem = problem;
    this.#settle();
    if (this.#up) return;
    this.#reasons.clear();
    this.#logger.info('redis is up');
    this.#change(true);
  }

  /** One line per outage and reason, or an outage of an hour fills the disk. */
  #down(problem: Pick<RedisProblem, 'reason' | 'detail'>): void {
    if (this.#closing) return;
    this.#problem = problem;
    const { reason, detail } = problem;
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
    this.#settle();
  }

  #change(up: boolean): void {
    this.#up = up;
    for (const listener of this.#onChange) listener(up);
  }
}

function unreachable(error: Error | string) {
  if (typeof error === 'string') return { reason: error, detail: error };
  return { reason: publicReason(error), detail: error.message };
}
