import type { SessionStorage } from '../../../src/platform/sessions/session-store.ts';
import { createTestApp } from '../test-app.ts';
import { WHOLE_APP } from '../whole-app.ts';
import type { DeployedRedis } from './redis.ts';
import { until } from './until.ts';

const RECORDS = 100;
const SESSIONS = 5000;
const ANSWERS = 4000;
const ANSWER_BYTES = 10_000;
const AT_A_TIME = 20;

const MINUTE_MS = 60_000;

/** The app's own stores in 16 MB: data that does not expire, sessions of all ages, then cached responses of 40 MB. */
export async function pressure(redis: DeployedRedis) {
  const made = await createTestApp(
    { REDIS_URL: redis.url(), CACHE_MAX_MB: '1', LOG_LEVEL: 'silent' },
    WHOLE_APP,
  );
  const lasting = `${made.config.REDIS_KEY_PREFIX}lasting:`;
  const { sessions, cache } = made.stores;
  const usedBytes = async () => Number(await redis.info('used_memory'));
  const evicted = async () => Number(await redis.info('evicted_keys'));
  try {
    await times(RECORDS, async (number) => {
      await redis.admin.set(`${lasting}${number}`, 'x'.repeat(500));
    });
    const before = await usedBytes();
    await times(SESSIONS, (number) => storeSession(sessions, number));
    const bytesASession = Math.round(((await usedBytes()) - before) / SESSIONS);

    await redis.admin.config('SET', 'maxmemory', '16mb');
    await times(ANSWERS, async (number) => {
      const answer = `${number} `.padEnd(ANSWER_BYTES, 'x');
      // As long as this template keeps its responses.
      await cache.wrap(`answer ${number}`, { ttl: 60, stale: 300, tags: ['answers'] }, () => answer);
    });
    await until('Redis evicts', async () => (await evicted()) > 0);

    let sessionsLost = 0;
    await times(SESSIONS, async (number) => {
      if (!(await hasSession(sessions, number))) sessionsLost++;
    });
    await storeSession(sessions, SESSIONS);
    return {
      bytesASession,
      sessionsLost,
      newSessionWorks: await hasSession(sessions, SESSIONS),
      evicted: await evicted(),
      recordsLost: RECORDS - (await redis.admin.keys(`${lasting}*`)).length,
    };
  } finally {
    await made.close();
  }
}

/** Does something for 0, 1, 2 … `count` − 1, some at a time. */
async function times(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

/** Last used some time in the last 20 of the 30 minutes that a session may idle. */
function storeSession(storage: SessionStorage, number: number): Promise<void> {
  const minutes = number % 20;
  const seenAt = Date.now() - minutes * MINUTE_MS;
  const cookie = { originalMaxAge: 30 * MINUTE_MS, path: '/', httpOnly: true, sameSite: 'lax', secure: true };
  const session = { cookie, user: { id: `id-${number}`, name: `user ${number}` }, createdAt: seenAt, seenAt };
  const json = JSON.stringify(session);
  return storage.write(sessionId(number), { kind: 'create', json, from: '', seconds: (30 - minutes) * 60 });
}

async function hasSession(storage: SessionStorage, number: number): Promise<boolean> {
  const json = await storage.read(sessionId(number));
  return json?.includes(`"id-${number}"`) === true;
}

function sessionId(number: number): string {
  return `${String(number).padStart(8, '0')}-of-the-usual-length-of-ids`.slice(0, 32);
}
