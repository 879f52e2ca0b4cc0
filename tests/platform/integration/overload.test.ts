import { once } from 'node:events';
import { connect } from 'node:net';
import { finished } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { health } from '../../../src/platform/http/middleware/health.ts';
import { overload, watchLoop, type OverloadLimits } from '../../../src/platform/http/middleware/overload.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { serve } from '../../support/http.ts';
import { until } from '../../support/until.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

/** An app with a route that waits until it is told to go on, and one that keeps the event loop to itself. */
async function start(limits: Partial<OverloadLimits>, env: Record<string, string> = {}) {
  const waiting: (() => void)[] = [];
  const begun: (() => void)[] = [];
  const served = await serve((app) => {
    app.use(health({ lifecycle: new Lifecycle(), storeIsUp: () => undefined }));
    app.use(overload({ maxDelayMs: 0, maxInFlight: 0, ...limits }));
    app.get('/wait', async (_req, res) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      res.json({ served: true });
    });
    app.post('/upload', async (req, res) => {
      begun.shift()?.();
      const { slow } = req.query;
      await finished(req.resume());
      if (slow) await new Promise<void>((resolve) => waiting.push(resolve));
      res.json({ served: true });
    });
    app.get('/block/:ms', (req, res) => {
      const until = performance.now() + Number(req.params.ms);
      while (performance.now() < until);
      res.json({ served: true });
    });
  }, env);
  close = served.close;
  /** Sends the headers of a request and half its body. */
  const upload = (...headers: string[]) => {
    const reached = new Promise<void>((resolve) => begun.push(resolve));
    const socket = connect(served.port, '127.0.0.1').on('error', () => undefined);
    socket.write(
      ['POST /upload?slow=1 HTTP/1.1', 'Host: a', 'Content-Length: 2', ...headers, '', '{'].join('\r\n'),
    );
    const response = async () => String(((await once(socket, 'data')) as [Buffer])[0]);
    return { begun: reached, response, finish: () => socket.write('}'), leave: () => socket.destroy() };
  };
  const ask = async (path: string) => {
    const response = await fetch(served.url + path);
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  return { ...served, ask, upload, waiting };
}

describe('too many requests in flight', () => {
  test('are rejected with 503 and Retry-After, logged, and served again when others have finished', async () => {
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

  test('do not block health checks', async () => {
    const { ask, waiting } = await start({ maxInFlight: 1 });
    const served = ask('/wait');
    await until(() => waiting.length === 1);
    expect((await ask('/livez')).status).toBe(200);
    waiting[0]?.();
    await served;
  });

  test('make room when their clients leave', async () => {
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

describe('requests whose body is still arriving', () => {
  test('count as in flight only when their body has arrived', async () => {
    const { ask, upload, waiting, url } = await start({ maxInFlight: 1 });
    const slow = [upload(), upload(), upload()];
    await Promise.all(slow.map(({ begun }) => begun));
    expect((await ask('/block/0')).status).toBe(200);
    expect((await fetch(`${url}/upload`, { method: 'POST', body: '{}' })).status).toBe(200);

    slow[0]?.finish();
    await until(() => waiting.length === 1);
    expect((await ask('/block/0')).status).toBe(503);
    waiting[0]?.();
    expect(await slow[0]?.response()).toMatch(/^HTTP\/1.1 200 /);
    expect((await ask('/block/0')).status).toBe(200);
  });

  test.each([
    ['of one address have a limit, with a 429', { maxReceivingPerAddress: 2 }, 429, 'RATE_LIMITED'],
    ['of a process have a limit, with a 503', { maxReceiving: 2 }, 503, 'UNAVAILABLE'],
  ])('%s; others are served', async (_name, limits, status, code) => {
    const { ask, upload, url, log } = await start(limits);
    const slow = [upload(), upload()];
    await Promise.all(slow.map(({ begun }) => begun));
    const refused = await upload('Connection: close').response();
    expect(refused).toContain(`HTTP/1.1 ${status} `);
    expect(refused).toMatch(/\r\nRetry-After: 1\r\n/);
    expect(refused).toContain(`"code":"${code}"`);
    await log.waitForLine((line) => line.code === code && line.status === status);
    // A body that is sent right behind its headers does not wait for anybody.
    for (const body of ['{}', 'x'.repeat(5000)]) {
      expect((await fetch(`${url}/upload`, { method: 'POST', body })).status).toBe(200);
    }
    expect((await ask('/block/0')).status).toBe(200);
  });

  test.each(['have finished', 'leave'])('make room when their clients %s', async (how) => {
    const { upload, waiting } = await start({ maxReceiving: 1 });
    const first = upload();
    await first.begun;
    if (how === 'leave') first.leave();
    else first.finish();
    await until(() => waiting.length === 1 || how === 'leave');
    const attempt = () => {
      const next = upload('Connection: close');
      return Promise.race([next.begun.then(() => 'begun'), next.response().then(() => 'refused')]);
    };
    let outcome = await attempt();
    while (outcome === 'refused') outcome = await attempt();
    expect(outcome).toBe('begun');
    for (const goOn of waiting) goOn();
  });

  test('are counted by the address of the client behind a trusted proxy', async () => {
    const { upload } = await start({ maxReceivingPerAddress: 1 }, { TRUST_PROXY: 'loopback' });
    for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8:1::1', '2001:db8:2::1']) {
      await upload(`X-Forwarded-For: ${address}`).begun;
    }
    for (const address of ['192.0.2.1', '2001:db8:2::9']) {
      const refused = await upload(`X-Forwarded-For: ${address}\r\nConnection: close`).response();
      expect(refused).toContain('HTTP/1.1 429 ');
    }
  });

  test('are counted by the connection where no proxy is trusted', async () => {
    const { upload } = await start({ maxReceivingPerAddress: 1 });
    await upload('X-Forwarded-For: 192.0.2.1').begun;
    const refused = await upload('X-Forwarded-For: 192.0.2.2\r\nConnection: close').response();
    expect(refused).toContain('HTTP/1.1 429 ');
  });
});

describe('an event loop that is late', () => {
  test('rejects requests when it is late turn after turn, so that the others are served in time', async () => {
    const { ask } = await start({ maxDelayMs: 60 });
    const clients = Array.from({ length: 30 }, async () => {
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await ask('/block/20')).status);
      return statuses;
    });
    const statuses = (await Promise.all(clients)).flat();
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    let status = 503;
    while (status === 503) ({ status } = await ask('/block/0'));
    expect(status).toBe(200);
  });
});

describe('the watch of the event loop', () => {
  let now = 0;
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['performance'] });
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  /** What it reports in a turn that takes this long, in milliseconds. */
  const turn = (isLate: (now: number) => boolean, ms: number) => {
    now += ms;
    const late = isLate(now);
    jest.runOnlyPendingTimers();
    return late;
  };

  test('reports the second late turn in a row, and those after it', () => {
    const isLate = watchLoop(60);
    expect([10, 300, 100, 100, 10].map((ms) => turn(isLate, ms))).toEqual([false, false, true, true, false]);
  });

  test('does not report a single long pause: those who waited through it are served', () => {
    const isLate = watchLoop(60);
    expect([10, 300, 10, 10, 300, 10].some((ms) => turn(isLate, ms))).toBe(false);
  });
});
