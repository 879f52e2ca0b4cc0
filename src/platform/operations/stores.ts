import type { StoreState, StoreStates } from './contract.ts';

/** What is looked at: the app's stores, by the parts that this needs. */
interface WatchedStores {
  readonly kind: string;
  readonly redis: { readonly client: { get(key: string): Promise<unknown> } } | undefined;
  readonly sessions: { read(id: string): Promise<unknown> };
  /** undefined for a store in memory. */
  isUp(): boolean | undefined;
}

/** No key has it. */
const PROBE = 'latency-probe';

/**
 * Measures how long the stores take to respond: one read of a key that does not exist, with each call at most one. While the
 * store is away nothing is asked: the connection decides that (redis/connection.ts).
 *
 * @returns a function that returns what was measured last, and measures again.
 */
export function watchStores(stores: WatchedStores, prefix: string): () => StoreStates {
  const { kind, redis, sessions } = stores;
  let redisMs: number | null = null;
  let sessionsMs: number | null = null;
  let measuring = false;
  const measure = async () => {
    if (measuring || stores.isUp() === false) return;
    measuring = true;
    redisMs = redis ? await timeOf(() => redis.client.get(prefix + PROBE)) : null;
    sessionsMs = await timeOf(() => sessions.read(PROBE));
    measuring = false;
  };
  return () => {
    void measure();
    const up = stores.isUp() ?? true;
    const state = (latencyMs: number | null): StoreState => ({ up, latencyMs: up ? latencyMs : null });
    return { kind, redis: redis ? state(redisMs) : null, sessions: state(sessionsMs) };
  };
}

async function timeOf(read: () => Promise<unknown>): Promise<number | null> {
  const begun = performance.now();
  try {
    await read();
    return Math.round((performance.now() - begun) * 100) / 100;
  } catch {
    return null;
  }
}
