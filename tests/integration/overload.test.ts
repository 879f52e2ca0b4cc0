import { afterEach, describe, expect, test } from '@jest/globals';
import { health } from '../../src/http/health.ts';
import { overload, type OverloadLimits } from '../../src/http/overload.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { serve } from '../support/http.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

/** An app with a route that waits until it is told to go on, and one that keeps the event loop to itself. */
async function start(limits: Partial<OverloadLimits>) {
  const waiting: (() => void)[] = [];
  const served = await serve((app) => {
    app.use(health({ lifecycle: new Lifecycle(), storeIsUp: () => undefined }));
    app.use(overload({ maxDelayMs: 0, maxInFlight: 0, ...limits }));
    app.get('/wait', async (_req, res) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      res.json({ served: true });
    });
    app.get('/block/:ms', (req, res) => {
      const until = performance.now() + Number(req.params.ms);
      while (performance.now() < until);
      res.json({ served: true });
    });
  });
  close = served.close;
  const ask = async (path: string) => {
    const response = await fetch(served.url + path);
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  return { ...served, ask, waiting };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('too many requests in flight', () => {
  test('are refused with 503 and when to come back, logged, and served again when others are through', async () => {
    const { ask, waiting, log } = await start({ maxInFlight: 2 });
    const served = [ask('/wait'), ask('/wait')];
    await until(() => waiting.length === 2);

    const refused = await ask('/wait');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(refused.body).toMatchObject({
      code: 'UNAVAILABLE',
      status: 503,
      requestId: refused.headers.get('x-request-id'),
    });
    const [line] = await log.waitFor(1);
    expect(line).toMatchObject({ level: 'warn', status: 503, code: 'UNAVAILABLE', path: '/wait' });
    expect(line).not.toHaveProperty('err');

    for (const goOn of waiting) goOn();
    for (const { status } of await Promise.all(served)) expect(status).toBe(200);
    expect((await ask('/block/0')).status).toBe(200);
  });

  test('do not keep health checks from being answered', async () => {
    const { ask, waiting } = await start({ maxInFlight: 1 });
    const served = ask('/wait');
    await until(() => waiting.length === 1);
    expect((await ask('/livez')).status).toBe(200);
    waiting[0]?.();
    await served;
  });

  test('that were given up by their clients leave room', async () => {
    const { ask, url, waiting } = await start({ maxInFlight: 1 });
    const leaving = new AbortController();
    const left = fetch(`${url}/wait`, { signal: leaving.signal }).catch(() => undefined);
    await until(() => waiting.length === 1);
    leaving.abort();
    await left;
    let status = 503;
    for (let attempt = 0; attempt < 100 && status === 503; attempt++) ({ status } = await ask('/block/0'));
    expect(status).toBe(200);
  });
});

describe('an event loop that is late', () => {
  test('turn after turn has requests refused, so that the others are served in time', async () => {
    const { ask } = await start({ maxDelayMs: 60 });
    const clients = Array.from({ length: 30 }, async () => {
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await ask('/block/20')).status);
      return statuses;
    });
    const statuses = (await Promise.all(clients)).flat();
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await ask('/block/0')).status).toBe(200);
  });

  test('once, because of one long pause, refuses nobody', async () => {
    const { ask } = await start({ maxDelayMs: 60 });
    const asked = [ask('/block/300'), ask('/block/0'), ask('/block/0')];
    for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
  });
});
