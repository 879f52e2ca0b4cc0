import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../src/platform/cache/layered.ts';
import { connectRedis } from '../../src/platform/redis/connection.ts';
import { silent } from './caches.ts';
import { until } from './until.ts';
import { testConfig } from './config.ts';

/** A process of its own that begins to load a key, prints a line, and never ends: to be killed. Arguments: url, prefix, key. */
const [url = '', prefix = '', key = ''] = process.argv.slice(2);
const redis = connectRedis(testConfig({ REDIS_URL: url }), silent);
await until(() => redis.isUp());
const cache = createCache({ redis, logger: silent, prefix, maxBytes: 1_000_000 });
await cache.wrap(key, { ttl: 60, tags: ['tag'] }, async () => {
  process.stdout.write('loading\n');
  await sleep(600_000);
  return 'never';
});
