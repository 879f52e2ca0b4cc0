import { describe, test } from '@jest/globals';
import { redisBinary, RedisServer } from './redis-server.ts';

const HOW_TO = 'Install one: apt-get install redis-server';

/**
 * `describe` for suites that need a Redis: their own redis-server, or the one at REDIS_TEST_URL. Without either they
 * are skipped with a line that says how to get one; with CI=true that is a failure, because a skipped test proves
 * nothing. Suites must use a key prefix of their own: the server at REDIS_TEST_URL may be shared.
 */
export function describeWithRedis(name: string, suite: (open: () => Promise<TestRedis>) => void): void {
  const url = process.env.REDIS_TEST_URL;
  if (url)
    describe(name, () => {
      suite(() => Promise.resolve({ url, stop: () => Promise.resolve() }));
    });
  else
    describeWithRedisServer(name, () => {
      suite(() => RedisServer.start());
    });
}

/** What a suite of `describeWithRedis` works with. */
export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** `describe` for suites that kill, stop and restart their Redis, and so need a server of their own. */
export function describeWithRedisServer(name: string, suite: () => void): void {
  if (redisBinary) {
    describe(name, suite);
  } else if (process.env.CI === 'true') {
    test(`${name} needs a redis-server`, () => {
      throw new Error(HOW_TO);
    });
  } else {
    process.stderr.write(`skipped: "${name}" needs a redis-server on the PATH. ${HOW_TO}\n`);
    describe.skip(name, suite);
  }
}
