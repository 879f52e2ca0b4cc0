import * as v from 'valibot';
import {
  absolutePath,
  concurrency,
  decimal,
  flag,
  hostNames,
  integer,
  list,
  oneOf,
  optionalDecimal,
  origins,
  redisUrl,
  trustedProxies,
} from './fields.ts';

/** Prometheus' exporters have the ports around it. In development another is taken where this one is not free. */
export const DEFAULT_ADMIN_PORT = 9464;

/**
 * Every variable that the platform reads, once; those of the app are beside them in src/config.ts. A key's name is the
 * same everywhere: in the environment, in `.env`, and as `config.KEY`. Any of them may come as `KEY_FILE` instead: the
 * path of a file that holds the value, as Docker secrets and systemd credentials do. An empty value counts as not set.
 */
export const platformSettings = {
  /** production refuses insecure settings, hides error details and logs JSON. */
  NODE_ENV: v.optional(oneOf(['development', 'test', 'production']), 'development'),

  // Listening (platform/http/server.ts)
  /** The address to listen on; unset: every address, IPv6 and IPv4, in production, else 127.0.0.1. */
  HOST: v.optional(v.string()),
  /** 0 takes a free port. */
  PORT: integer({ min: 0, max: 65_535, default: 3000 }),
  /** Where /metrics is served. Loopback, because it has no password of its own. */
  ADMIN_HOST: v.optional(v.string(), '127.0.0.1'),
  /** By which names it is asked, beside ADMIN_HOST and loopback; all others are refused. */
  ADMIN_ALLOWED_HOSTS: v.optional(hostNames(), ''),
  /** 0 switches the admin server off. */
  ADMIN_PORT: integer({ min: 0, max: 65_535, default: DEFAULT_ADMIN_PORT }),
  /** Which hops may say who the client is: off, a count, or addresses. */
  TRUST_PROXY: v.optional(trustedProxies(), 'off'),

  // Limits of a request (platform/http/server.ts, platform/http/middleware/body.ts, platform/http/wrap.ts)
  /** Until a handler's response must have begun; else 503. Below the proxy's read timeout (60 s). */
  REQUEST_TIMEOUT_SECONDS: decimal({ min: 0.05, max: 3600, default: 30 }),
  /** Until the client must have sent all headers; cuts slow-header attacks. */
  HEADERS_TIMEOUT_SECONDS: decimal({ min: 1, max: 600, default: 10 }),
  /** Until the client must have sent the whole request, a body included. */
  RECEIVE_TIMEOUT_SECONDS: decimal({ min: 1, max: 3600, default: 60 }),
  /** How long an idle connection stays open. Above the proxies' own (nginx and AWS ALB: 60 s), else they see 502s. */
  KEEP_ALIVE_TIMEOUT_SECONDS: decimal({ min: 1, max: 3600, default: 72 }),
  /** The largest JSON body, after decompression. */
  BODY_LIMIT_KB: integer({ min: 1, max: 102_400, default: 100 }),
  /** How late the event loop may be, twice in a row, until requests are refused with 503; 0: never. */
  MAX_LOOP_DELAY_MS: integer({ min: 0, max: 60_000, default: 250 }),
  /** How many requests one process works for at a time, event streams included; more are refused with 503. 0: any number. */
  MAX_IN_FLIGHT: integer({ min: 0, max: 1_000_000, default: 1000 }),
  /** How many bodies may be arriving at a time: 500 of BODY_LIMIT_KB are 50 MB. More are refused with 503. 0: any number. */
  MAX_RECEIVING: integer({ min: 0, max: 1_000_000, default: 500 }),
  /** How many from one client's address: an office has room, ten slow senders fill MAX_RECEIVING. More: 429. 0: any number. */
  MAX_RECEIVING_PER_ADDRESS: integer({ min: 0, max: 1_000_000, default: 50 }),
  /** Off where a proxy compresses. */
  COMPRESSION: v.optional(flag(), 'on'),
  /** Origins of other sites that may call the API from a browser; unset: none. */
  CORS_ORIGINS: v.optional(origins(), ''),

  // Redis (stores/)
  /** redis:// rediss:// unix:// redis+sentinel:// redis+cluster:// */
  REDIS_URL: v.optional(redisUrl()),
  /** In front of every key, so that several apps can share one Redis. */
  REDIS_KEY_PREFIX: v.optional(
    v.pipe(v.string(), v.regex(/^[\w:.-]{1,64}$/, 'may have letters, digits and : . _ - only, 64 at most')),
    'app:',
  ),
  /** Where sessions, cache and data live; unset: redis with a REDIS_URL, else memory. */
  STORE: v.optional(oneOf(['redis', 'memory'])),
  /** Memory for cached answers, in each process. */
  CACHE_MAX_MB: integer({ min: 1, max: 16_384, default: 64 }),

  // Sessions and log in (platform/sessions/session.ts, features/account/)
  /** Comma list: the first signs, all verify. `openssl rand -base64 48` makes one. */
  SESSION_SECRETS: v.optional(v.pipe(list(), v.nonEmpty('is an empty list'))),
  /** A session nobody used for so long ends. */
  SESSION_IDLE_MINUTES: integer({ min: 1, max: 43_200, default: 30 }),
  /** A session ends at this age, used or not. */
  SESSION_ABSOLUTE_HOURS: integer({ min: 1, max: 8_760, default: 12 }),
  /** Cookies for HTTPS only; unset: on in production. */
  SESSION_COOKIE_SECURE: v.optional(flag()),

  // Logs (platform/observability/logger.ts)
  LOG_LEVEL: v.optional(oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info'),
  /** Unset: pretty in development, json elsewhere. */
  LOG_FORMAT: v.optional(oneOf(['json', 'pretty'])),
  /** Namespaces for the debug package, for example express:* or ioredis:*; all of this template's own lines are the logger's. */
  DEBUG: v.optional(v.string()),

  // Health and leaving (platform/http/middleware/health.ts, platform/lifecycle/drain.ts)
  /** On: /readyz answers 503 while Redis is away. Off: it says "degraded" with 200. */
  READY_REQUIRES_REDIS: v.optional(flag(), 'off'),
  /** Between failing /readyz and closing the listener, for balancers that only poll. */
  DRAIN_DELAY_SECONDS: decimal({ min: 0, max: 600, default: 0 }),
  /** How long connections keep being answered with "Connection: close" before idle ones are closed; unset: 1, in development 0. */
  LINGER_SECONDS: optionalDecimal({ min: 0, max: 60, example: 1 }),
  /** Until requests in flight must be done; what is left then is cut. */
  DRAIN_TIMEOUT_SECONDS: decimal({ min: 1, max: 3600, default: 25 }),

  // Cluster (cluster.ts, platform/supervisor/supervisor.ts)
  /** Workers: a number, or auto for one a CPU, a container's quota counted. Always one with STORE=memory. */
  WEB_CONCURRENCY: v.optional(concurrency(), 'auto'),
  /** Until a new worker must be ready. */
  BOOT_TIMEOUT_SECONDS: decimal({ min: 0.1, max: 3600, default: 30 }),
  /** A worker that gives no sign of life for so long is replaced. */
  HANG_TIMEOUT_SECONDS: decimal({ min: 2, max: 3600, default: 15 }),
  /** After a worker's time to drain, until it is killed. */
  KILL_GRACE_SECONDS: decimal({ min: 0.1, max: 60, default: 2 }),
  /** A worker that crashes sooner after its start has its replacement wait, longer each time. */
  MIN_UPTIME_SECONDS: decimal({ min: 0.1, max: 3600, default: 10 }),
  /** So many crashes within a minute and no worker ready: give up, for the supervisor above to see. */
  CRASH_LIMIT: integer({ min: 1, max: 1000, default: 10 }),
  /** A worker that needs more memory is replaced; 0: never. */
  MAX_RSS_MB: integer({ min: 0, max: 1_048_576, default: 0 }),
  /** A worker that answered so many requests is replaced; 0: never. */
  MAX_REQUESTS: integer({ min: 0, max: 1_000_000_000, default: 0 }),
  /** A process that was idle for this long collects its garbage and gives the memory back; 0: never. */
  IDLE_MEMORY_SECONDS: decimal({ min: 0, max: 86_400, default: 20 }),
  /** Written when all workers are ready; unset: none. */
  PID_FILE: v.optional(absolutePath()),
  /** Where `npm run ctl` finds the primary; unset: app-PORT.sock in the folder for temporary files. */
  CONTROL_SOCKET: v.optional(absolutePath()),
  /** Where CPU profiles and heap snapshots go; unset: the folder for temporary files. */
  DIAGNOSTICS_DIR: v.optional(absolutePath()),
};

/** The platform's values as they were given, defaults filled in; what depends on other keys is still open. */
export type PlatformValues = {
  [Key in keyof typeof platformSettings]: v.InferOutput<(typeof platformSettings)[Key]>;
};

type Derived =
  | 'STORE'
  | 'SESSION_SECRETS'
  | 'SESSION_COOKIE_SECURE'
  | 'LOG_FORMAT'
  | 'LINGER_SECONDS'
  | 'CONTROL_SOCKET'
  | 'DIAGNOSTICS_DIR';

/** The platform's part of the configuration: validated and complete. */
export type PlatformConfig = Readonly<
  Omit<PlatformValues, Derived> & { [Key in Derived]-?: NonNullable<PlatformValues[Key]> }
>;
