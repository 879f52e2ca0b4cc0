import { isLoopback, socketPathProblem } from './addresses.ts';
import { HOW_TO_GENERATE as HOW, type PlatformConfig, type PlatformValues } from './settings.ts';

/** Shorter secrets can be guessed: 32 characters of base64 are 192 bits. */
const MIN_SECRET_LENGTH = 32;

/**
 * How many different pairs of neighbours a secret must have; a pattern that repeats has as many as it is long. Of 32 random
 * hex digits nearly all pairs differ: 22 or more in 100,000 tries.
 */
const MIN_PAIRS = 20;

/** How many different steps from one character code to the next: an alphabet or a row of digits has one to four. */
const MIN_STEPS = 6;

/**
 * What is wrong with values that are valid one by one: one line per problem, with how to fix it.
 *
 * @param given - the values that were read. A key that is missing from it was wrong, and has its problem already.
 */
export function problemsOf(config: PlatformConfig, given: Partial<PlatformValues>): string[] {
  const isUnset = (key: keyof PlatformValues) => key in given && given[key] === undefined;
  const isProduction = config.NODE_ENV === 'production';
  const secrets = isProduction ? (given.SESSION_SECRETS ?? []) : [];
  return [
    isProduction &&
      isPattern(given.ADMIN_TOKEN ?? '') &&
      `ADMIN_TOKEN can be guessed: it repeats a few characters or a pattern. ${HOW}`,
    ...controlSocketProblems(config.CONTROL_SOCKET),
    given.STORE === 'redis' &&
      isUnset('REDIS_URL') &&
      'REDIS_URL is missing, and STORE=redis needs it: redis://127.0.0.1:6379',
    config.LINGER_SECONDS > config.DRAIN_TIMEOUT_SECONDS &&
      'LINGER_SECONDS is more than DRAIN_TIMEOUT_SECONDS, which it is a part of; make it less',
    isProduction &&
      isUnset('REDIS_URL') &&
      isUnset('STORE') &&
      'REDIS_URL is missing. Set it (redis://127.0.0.1:6379), or set STORE=memory for one process that loses ' +
        'sessions and cache when it ends',
    isProduction && isUnset('SESSION_SECRETS') && `SESSION_SECRETS is missing. ${HOW}`,
    isProduction &&
      isUnset('ADMIN_TOKEN') &&
      config.ADMIN_PORT > 0 &&
      !isLoopback(config.ADMIN_HOST) &&
      `ADMIN_TOKEN is missing, and ADMIN_HOST is not loopback: others can connect to the admin port. ${HOW}, ` +
        'or set ADMIN_HOST=127.0.0.1',
    secrets.some((secret) => secret.length < MIN_SECRET_LENGTH) &&
      `SESSION_SECRETS has one shorter than ${MIN_SECRET_LENGTH} characters. ${HOW}`,
    secrets.some(isPattern) &&
      `SESSION_SECRETS has one that can be guessed: it repeats a few characters or a pattern. ${HOW}`,
  ].filter((problem) => problem !== false);
}

/** The default is checked, too: TMPDIR may be long. */
export function controlSocketProblems(path: string): string[] {
  const problem = socketPathProblem(path);
  return problem === undefined ? [] : [`CONTROL_SOCKET ${problem}`];
}

/** What is allowed in production and is rarely meant: one line each. */
export function warningsOf(config: PlatformConfig): string[] {
  if (config.NODE_ENV !== 'production') return [];
  return [
    !config.SESSION_COOKIE_SECURE &&
      'SESSION_COOKIE_SECURE is off: session cookies also go over plain HTTP, where others can read them',
    config.DEBUG !== undefined &&
      'DEBUG is set: packages write what they handle to stderr, which may be secret, and slow down',
    config.ADMIN_PORT > 0 &&
      !isLoopback(config.ADMIN_HOST) &&
      'ADMIN_HOST is not loopback: the token and what the page shows go over the network as they are, so let only ' +
        'your monitoring reach it',
    config.LOG_LEVEL === 'silent' && 'LOG_LEVEL is silent: not even a crash is logged',
  ].filter((warning) => warning !== false);
}

/** Whether a secret of the right length has too little in it: equal letters, a repeated word, a row of characters. */
function isPattern(secret: string): boolean {
  const pairs = new Set<string>();
  const steps = new Set<number>();
  for (let index = 1; index < secret.length; index++) {
    pairs.add(secret.slice(index - 1, index + 1));
    steps.add(secret.charCodeAt(index) - secret.charCodeAt(index - 1));
  }
  return secret.length >= MIN_SECRET_LENGTH && (pairs.size < MIN_PAIRS || steps.size < MIN_STEPS);
}
