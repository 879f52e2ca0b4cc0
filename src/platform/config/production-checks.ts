import type { PlatformConfig, PlatformValues } from './settings.ts';

/** Shorter secrets can be guessed: 32 characters of base64 are 192 bits. */
const MIN_SECRET_LENGTH = 32;

/**
 * How many different pairs of neighbours a secret must have. A pattern that repeats has as many as it is long. Of 32
 * random characters nearly all pairs differ: hex digits had 22 or more in 100,000 tries, digits alone fewer than 20 in
 * one of 5,000.
 */
const MIN_PAIRS = 20;

/** How many different steps from one character code to the next: an alphabet or a row of digits has one to four. */
const MIN_STEPS = 6;

/**
 * What is wrong with values that are fine one by one: a line a problem, each with how to fix it.
 *
 * @param given - the keys that were valid by themselves, with what the environment says; a key that was given but is
 *   wrong is not in it, and has its problem already.
 */
export function productionProblems(config: PlatformConfig, given: Partial<PlatformValues>): string[] {
  const problems: string[] = [];
  const missing = (key: keyof PlatformValues) => key in given && given[key] === undefined;
  if (given.STORE === 'redis' && missing('REDIS_URL')) {
    problems.push('REDIS_URL is missing, and STORE=redis needs it: redis://127.0.0.1:6379');
  }
  if (config.LINGER_SECONDS > config.DRAIN_TIMEOUT_SECONDS) {
    problems.push('LINGER_SECONDS is more than DRAIN_TIMEOUT_SECONDS, which it is a part of; make it less');
  }
  if (config.NODE_ENV !== 'production') return problems;
  if (missing('REDIS_URL') && missing('STORE')) {
    problems.push(
      'REDIS_URL is missing. Set it (redis://127.0.0.1:6379), or say STORE=memory for one process that forgets ' +
        'sessions and cache when it ends',
    );
  }
  const how = 'Generate one with: openssl rand -base64 48';
  if (missing('SESSION_SECRETS')) problems.push(`SESSION_SECRETS is missing. ${how}`);
  if (given.SESSION_SECRETS?.some((secret) => secret.length < MIN_SECRET_LENGTH)) {
    problems.push(`SESSION_SECRETS has one shorter than ${MIN_SECRET_LENGTH} characters. ${how}`);
  }
  if (given.SESSION_SECRETS?.some(isPattern)) {
    problems.push(
      `SESSION_SECRETS has one that can be guessed: it repeats a few characters or a pattern. ${how}`,
    );
  }
  return problems;
}

/** Whether a secret of the right length has too little in it: equal letters, a repeated word, a row of characters. */
function isPattern(secret: string): boolean {
  if (secret.length < MIN_SECRET_LENGTH) return false;
  const pairs = new Set<string>();
  const steps = new Set<number>();
  for (let index = 1; index < secret.length; index++) {
    pairs.add(secret.slice(index - 1, index + 1));
    steps.add(secret.charCodeAt(index) - secret.charCodeAt(index - 1));
  }
  return pairs.size < MIN_PAIRS || steps.size < MIN_STEPS;
}
