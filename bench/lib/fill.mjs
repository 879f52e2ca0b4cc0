import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** How many copies a call makes: Redis responds to no one else while it does. */
const BATCH = 20_000;

/** Keys, values and ends like those of the first, whatever their form: it takes seconds for a million. */
const COPY = `for i = ARGV[1], ARGV[2] do redis.call('COPY', KEYS[1], KEYS[1] .. string.format('%d', i)) end`;

/** Runs commands on a Redis of the benchmark's own. */
export async function withClient({ url }, work) {
  const client = new Redis(url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** How long the app may take to write what it was asked for: it responds before it has stored a value. */
const WRITE_MS = 10_000;

/** The only key like this. @throws when there is none in time, or another. */
export function onlyKey(redis, pattern) {
  return withClient(redis, async (client) => {
    const until = performance.now() + WRITE_MS;
    let keys = [];
    while (keys.length === 0 && performance.now() < until) {
      keys = await client.keys(pattern);
      if (keys.length === 0) await sleep(10);
    }
    if (keys.length !== 1) throw new Error(`${keys.length} keys in Redis are like ${pattern}, and not one`);
    return keys[0];
  });
}

/** Makes copies of a key, called like it with a number behind it, until there are as many as `size` with it. */
export function copies(redis, key, size) {
  return withClient(redis, async (client) => {
    for (let from = 1; from < size; from += BATCH) {
      await client.eval(COPY, 1, key, from, Math.min(from + BATCH, size) - 1);
    }
  });
}
