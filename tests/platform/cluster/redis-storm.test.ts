import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { AppProcess } from '../../support/app-process.ts';
import { until } from '../../support/until.ts';
import { describeWithRedisServer } from '../../support/describe-redis.ts';
import { RedisServer } from '../../support/redis-server.ts';

/** STORM_ROUNDS=200 for a long run; STORM_SEED for another one. */
const ROUNDS = Number(process.env.STORM_ROUNDS ?? 20);
const SEED = Number(process.env.STORM_SEED ?? 1);

const DEMO = { name: 'demo', password: 'a password for tests' };

/** What others may still show after the response to a change, in milliseconds. */
const VISIBLE_MS = 1000;

const PATHS = [
  '/api/items?pageSize=1',
  '/api/items?pageSize=1&sort=id',
  `/api/search?params=${encodeURIComponent('{"limit":1}')}`,
  '/api/items/1',
];

/** Numbers from 0 to 1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

interface Instance {
  readonly app: AppProcess;
  readonly url: string;
}

/** A change whose response was 200. */
interface Change {
  readonly number: number;
  readonly by: Instance;
  readonly at: number;
}

/** Asks both processes all the time, and notes what is older than it may be. */
class Storm {
  readonly violations: string[] = [];
  readonly changes: Change[] = [];
  /** Responses since the last look that had to show the last change, and did. */
  confirmed = 0;
  readonly #instances: readonly Instance[];
  #going = true;
  #clients: Promise<void>[] = [];

  constructor(instances: readonly Instance[]) {
    this.#instances = instances;
  }

  start(): void {
    this.#clients = this.#instances.flatMap((instance) => PATHS.map((path) => this.#ask(instance, path)));
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#clients);
  }

  async #ask(instance: Instance, path: string): Promise<void> {
    while (this.#going) {
      const askedAt = performance.now();
      const shown = await cityNumber(instance.url + path);
      if (shown !== undefined) this.#judge(instance, path, askedAt, shown);
      await sleep(5);
    }
  }

  #judge(instance: Instance, path: string, askedAt: number, shown: number): void {
    const due = this.changes.filter(({ by, at }) => askedAt > at + (by === instance ? 0 : VISIBLE_MS));
    const wanted = due.at(-1);
    if (!wanted) return;
    if (shown >= wanted.number) this.confirmed++;
    else {
      const late = Math.round(askedAt - wanted.at);
      const who = wanted.by === instance ? 'the same process' : 'another process';
      this.violations.push(
        `${who}, ${path}: ${shown} instead of ${wanted.number}, ${late} ms after its response`,
      );
    }
  }
}

/** The number in the first company's city; undefined where the response is none. */
async function cityNumber(url: string): Promise<number | undefined> {
  const response = await fetch(url);
  const body = (await response.json()) as { items?: [{ city: string }]; city?: string };
  if (response.status !== 200) return undefined;
  return Number(/^City (\d+)$/.exec(body.items?.[0].city ?? body.city ?? '')?.[1] ?? 0);
}

describeWithRedisServer('after the response to a change', () => {
  const random = randomNumbers(SEED);
  let redis: RedisServer;
  let admin: Redis;
  let instances: [Instance, Instance];
  let cookie: string;

  beforeAll(async () => {
    redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always');
    admin = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    admin.on('error', () => undefined);
    const env = {
      REDIS_URL: redis.url,
      REDIS_KEY_PREFIX: `test-${randomUUID()}:`,
      SESSION_SECRETS: 'one secret for both processes, as in production',
      DEMO_PASSWORD: DEMO.password,
      LOG_LEVEL: 'info',
    };
    const start = async () => {
      const app = new AppProcess(env);
      return { app, url: await app.url() };
    };
    instances = [await start(), await start()];
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(DEMO);
    const response = await fetch(`${instances[0].url}/api/session`, { method: 'POST', headers, body });
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  }, 60_000);

  afterAll(async () => {
    redis.resume();
    for (const { app } of instances) await app.stop();
    admin.disconnect();
    await redis.stop();
  });

  /** One of the processes' connections, of whichever kind. */
  const cutOne = async () => {
    const own = String(await admin.client('ID'));
    const ids = [...String(await admin.client('LIST')).matchAll(/^id=(\d+) /gm)].map(([, id]) => id ?? '');
    const others = ids.filter((id) => id !== own);
    const chosen = others[Math.floor(random() * others.length)];
    if (chosen) await admin.client('KILL', 'ID', chosen);
  };
  const disturbances = [
    cutOne,
    cutOne,
    async () => {
      redis.hang();
      await sleep(300 + random() * 1700);
      redis.resume();
    },
    async () => {
      await redis.kill();
      await redis.restart();
    },
  ];

  const change = async (storm: Storm, number: number) => {
    const by = instances[random() < 0.5 ? 0 : 1];
    const response = await fetch(`${by.url}/api/items/1`, {
      method: 'PATCH',
      headers: { cookie, 'content-type': 'application/json' },
      body: JSON.stringify({ city: `City ${number}` }),
    });
    await response.text();
    if (response.status === 200) storm.changes.push({ number, by, at: performance.now() });
    return response.status;
  };

  const ready = async ({ url }: Instance) =>
    ((await (await fetch(`${url}/readyz`)).json()) as { status: string }).status === 'ready';

  test(
    `no process shows an older value later than a second, whatever happens to Redis (${ROUNDS} rounds, seed ${SEED})`,
    async () => {
      const storm = new Storm(instances);
      storm.start();
      const statuses = new Map<number, number>();
      for (let round = 1; round <= ROUNDS && storm.violations.length === 0; round++) {
        const disturb = disturbances[Math.floor(random() * disturbances.length)] ?? cutOne;
        const [changeAt, disturbAt] = [random() * 400, random() * 1000];
        const changed = sleep(changeAt).then(() => change(storm, round));
        const disturbed = sleep(disturbAt).then(disturb);
        const status = await changed;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await disturbed;
        await until(async () => (await Promise.all(instances.map(ready))).every(Boolean), 15_000);
        await sleep(Math.max(0, (storm.changes.at(-1)?.at ?? 0) + VISIBLE_MS + 200 - performance.now()));
        storm.confirmed = 0;
        await until(() => storm.changes.length === 0 || storm.confirmed >= 20, 15_000);
      }
      await storm.stop();
      expect(storm.violations).toEqual([]);
      expect(statuses.get(200) ?? 0).toBeGreaterThan(ROUNDS / 2);
      if (ROUNDS > 20) process.stderr.write(`changes by status: ${JSON.stringify([...statuses])}\n`);
    },
    60_000 + ROUNDS * 10_000,
  );
});
