import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import * as f from './fields.ts';
import { APP_NAME } from './paths.ts';
import { parseRedisUrl } from './redis-url.ts';

/** How to make a secret that nobody can guess. */
export const HOW_TO_GENERATE = 'Generate one with: openssl rand -base64 48';

/** Prometheus' exporters have the ports around it. In development another is taken where this one is not free. */
export const DEFAULT_ADMIN_PORT = 9464;

/**
 * Every variable that the platform reads; the app's own are beside them in src/config.ts. What each is for, and the reason
 * for its default, is in `.env.example`, which a test compares with this list. A key's name is the same everywhere: in the
 * environment, in `.env`, and as `config.KEY`.
 */
export const platformSettings = {
  NODE_ENV: v.optional(f.oneOf(['development', 'test', 'production']), 'development'),

  // Listening
  HOST: v.optional(v.string()),
  PORT: f.integer({ min: 0, max: 65_535, default: 3000 }),
  ADMIN_HOST: v.optional(v.string(), '127.0.0.1'),
  ADMIN_ALLOWED_HOSTS: v.optional(f.hostNames(), ''),
  ADMIN_PORT: f.integer({ min: 0, max: 65_535, default: DEFAULT_ADMIN_PORT }),
  ADMIN_TOKEN: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\S{32,}$/, `must have at least 32 characters and no blanks. ${HOW_TO_GENERATE}`),
    ),
  ),
  TRUST_PROXY: v.optional(f.parsed(f.parseTrustedProxies), 'off'),

  // Limits of a request
  REQUEST_TIMEOUT_SECONDS: f.decimal({ min: 0.05, max: 3600, default: 30 }),
  HEADERS_TIMEOUT_SECONDS: f.decimal({ min: 1, max: 600, default: 10 }),
  RECEIVE_TIMEOUT_SECONDS: f.decimal({ min: 1, max: 3600, default: 60 }),
  KEEP_ALIVE_TIMEOUT_SECONDS: f.decimal({ min: 1, max: 3600, default: 72 }),
  BODY_LIMIT_KB: f.integer({ min: 1, max: 102_400, default: 100 }),
  MAX_LOOP_DELAY_MS: f.integer({ min: 0, max: 60_000, default: 250 }),
  MAX_IN_FLIGHT: f.integer({ min: 0, max: 1_000_000, default: 1000 }),
  MAX_RECEIVING: f.integer({ min: 0, max: 1_000_000, default: 500 }),
  MAX_RECEIVING_PER_ADDRESS: f.integer({ min: 0, max: 1_000_000, default: 50 }),
  MAX_WEBSOCKETS: f.integer({ min: 0, max: 1_000_000, default: 1000 }),
  COMPRESSION: v.optional(f.flag(), 'on'),
  CORS_ORIGINS: v.optional(f.origins(), ''),
  API_DOCS: v.optional(f.flag()),

  // Redis
  REDIS_URL: v.optional(f.parsed(parseRedisUrl)),
  REDIS_KEY_PREFIX: v.optional(
    v.pipe(v.string(), v.regex(/^[\w:.-]{1,64}$/, 'may have letters, digits and : . _ - only, 64 at most')),
    `${APP_NAME}:`,
  ),
  STORE: v.optional(f.oneOf(['redis', 'memory'])),
  CACHE_MAX_MB: f.integer({ min: 1, max: 16_384, default: 64 }),

  // Sessions
  SESSION_SECRETS: v.optional(v.pipe(f.list(), v.nonEmpty('is an empty list'))),
  SESSION_IDLE_MINUTES: f.integer({ min: 1, max: 43_200, default: 30 }),
  SESSION_ABSOLUTE_HOURS: f.integer({ min: 1, max: 8_760, default: 12 }),
  SESSION_COOKIE_SECURE: v.optional(f.flag()),

  // Logs
  LOG_LEVEL: v.optional(f.oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info'),
  LOG_FORMAT: v.optional(f.oneOf(['json', 'pretty'])),
  DEBUG: v.optional(v.string()),

  // Health and shutdown
  READY_REQUIRES_REDIS: v.optional(f.flag(), 'off'),
  DRAIN_DELAY_SECONDS: f.decimal({ min: 0, max: 600, default: 0 }),
  LINGER_SECONDS: v.optional(v.unwrap(f.decimal({ min: 0, max: 60, default: 1 }))),
  DRAIN_TIMEOUT_SECONDS: f.decimal({ min: 1, max: 3600, default: 25 }),

  // Cluster
  WEB_CONCURRENCY: v.optional(f.parsed(f.parseConcurrency), 'auto'),
  BOOT_TIMEOUT_SECONDS: f.decimal({ min: 0.1, max: 3600, default: 30 }),
  HANG_TIMEOUT_SECONDS: f.decimal({ min: 2, max: 3600, default: 15 }),
  KILL_GRACE_SECONDS: f.decimal({ min: 0.1, max: 60, default: 2 }),
  MIN_UPTIME_SECONDS: f.decimal({ min: 0.1, max: 3600, default: 10 }),
  CRASH_LIMIT: f.integer({ min: 1, max: 1000, default: 10 }),
  MAX_RSS_MB: f.integer({ min: 0, max: 1_048_576, default: 0 }),
  MAX_REQUESTS: f.integer({ min: 0, max: 1_000_000_000, default: 0 }),
  IDLE_MEMORY_SECONDS: f.decimal({ min: 0, max: 86_400, default: 20 }),
  PID_FILE: v.optional(f.absolutePath()),
  CONTROL_SOCKET: v.optional(f.absolutePath()),
  DIAGNOSTICS_DIR: v.optional(f.absolutePath()),
};

/** The platform's values as they were read; defaults that depend on other keys are still open. */
export type PlatformValues = {
  readonly [Key in keyof typeof platformSettings]: v.InferOutput<(typeof platformSettings)[Key]>;
};

/** The platform's part of the configuration: validated and complete. */
export type PlatformConfig = Readonly<ReturnType<typeof complete>>;

/** Fills in the defaults that depend on other keys. */
export function complete(values: PlatformValues) {
  const isProduction = values.NODE_ENV === 'production';
  const isDevelopment = values.NODE_ENV === 'development';
  return {
    ...values,
    // Outside of production, others in the same network must not get in.
    HOST: values.HOST ?? (isProduction ? undefined : '127.0.0.1'),
    STORE: values.STORE ?? (values.REDIS_URL ? 'redis' : 'memory'),
    // Refused in production; generated elsewhere.
    SESSION_SECRETS: values.SESSION_SECRETS ?? [],
    SESSION_COOKIE_SECURE: values.SESSION_COOKIE_SECURE ?? isProduction,
    LOG_FORMAT: values.LOG_FORMAT ?? (isDevelopment ? 'pretty' : 'json'),
    API_DOCS: values.API_DOCS ?? isDevelopment,
    // In development there is no proxy, and each restart is waited for.
    LINGER_SECONDS: values.LINGER_SECONDS ?? (isDevelopment ? 0 : 1),
    CONTROL_SOCKET: values.CONTROL_SOCKET ?? join(tmpdir(), `${APP_NAME}-${values.PORT}.sock`),
    DIAGNOSTICS_DIR: values.DIAGNOSTICS_DIR ?? tmpdir(),
  };
}
