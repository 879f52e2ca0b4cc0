import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sessionCookie } from '../../src/session.ts';
import { AppHost, PASSWORD } from '../support/deploy/app-host.ts';
import { Load } from '../support/deploy/load.ts';
import { startStub, type Stub } from '../support/deploy/stub-app.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { Varnish } from '../support/deploy/varnish.ts';

const CACHED = '/api/items';

/** After the first probe of each. */
async function bothAreHealthy(varnish: Varnish): Promise<void> {
  await until('both hosts are healthy', async () => {
    return (await varnish.isHealthy('app1')) && (await varnish.isHealthy('app2'));
  });
}

describeWith(['varnish'], 'deploy/varnish', () => {
  let stub: Stub;
  let varnish: Varnish;

  beforeEach(async () => {
    stub = await startStub();
    varnish = await Varnish.start({ hosts: [stub.port, stub.port] });
    await bothAreHealthy(varnish);
  });
  afterEach(async () => {
    await varnish.stop();
    await stub.close();
  });

  const cacheState = async (path = CACHED, headers: Record<string, string> = {}) => {
    const reply = await varnish.ask(path, { headers });
    return reply.headers['x-cache'];
  };

  test('compiles', async () => {
    await expect(varnish.compile()).resolves.toBeUndefined();
  });

  test('stores what the app says may be stored, whatever the order of the query', async () => {
    expect(await cacheState(`${CACHED}?a=1&b=2`)).toBe('MISS');
    expect(await cacheState(`${CACHED}?b=2&a=1`)).toBe('HIT 1');
    expect(await cacheState(`${CACHED}?b=2&a=1`, { Cookie: 'theme=dark' })).toBe('HIT 2');
    expect(stub.state.asked).toBe(1);
    stub.state.cacheControl = 'private, no-store';
    expect(await cacheState()).toBe('MISS');
    expect(await cacheState()).toBe('MISS');
    expect(stub.state.asked).toBe(3);
  });

  test('stores nothing about which the app says nothing', async () => {
    for (let round = 0; round < 3; round++) expect(await cacheState('/api/items/1')).toBe('MISS');
  });

  test.each([4, 8, 16, 24])('lets %i KB of headers of the app through', async (kilobytes) => {
    const reply = await varnish.ask(`/headers/${kilobytes}`);
    expect([reply.status, reply.headers[`x-header-${kilobytes - 1}`]]).toEqual([200, 'x'.repeat(1000)]);
  });

  test('500 misses at the same time are one request to the app', async () => {
    let open: () => void = () => undefined;
    stub.state.gate = new Promise((resolve) => (open = resolve));
    const load = new Load({
      url: `http://127.0.0.1:${varnish.port}`,
      lanes: 500,
      total: 500,
      requests: [{ path: CACHED, contains: 'answer 1 ' }],
    });
    await until('all have been sent', () => load.sent === 500);
    open();
    expect(await load.end()).toMatchObject({ answered: 500, failed: 0, wrong: 0 });
    expect(stub.state.asked).toBe(1);
  });

  test('sends one stored answer packed to who can read gzip, and as it is to who can not', async () => {
    const packed = await varnish.ask(CACHED, { headers: { 'Accept-Encoding': 'br, gzip' } });
    const plain = await varnish.ask(CACHED);
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(gunzipSync(packed.body).toString()).toBe(plain.text);
    expect(plain.headers['x-cache']).toBe('HIT 1');
    expect(stub.state.asked).toBe(1);
  });

  test.each([
    ['a session cookie', { Cookie: '__Host-sid=s%3Aabc' }],
    ['one over plain HTTP', { Cookie: 'a=b;sid=s%3Aabc' }],
    ['Authorization', { Authorization: 'Bearer abc' }],
  ])('with %s, neither stores nor reads', async (_what, headers) => {
    const personal = Object.values(headers)[0] ?? '';
    expect((await varnish.ask(CACHED, { headers })).text).toContain(`${personal}: answer 1 `);
    expect((await varnish.ask(CACHED)).text).toContain('nobody: answer 2 ');
    expect((await varnish.ask(CACHED)).headers['x-cache']).toBe('HIT 1');
    expect((await varnish.ask(CACHED, { headers })).text).toContain(`${personal}: answer 3 `);
  });

  describe('when an answer is no longer fresh', () => {
    beforeEach(async () => {
      stub.state.cacheControl = 'public, s-maxage=1';
      await varnish.ask(CACHED);
    });

    test('sends it while one request fetches a new one, and then the new one', async () => {
      let open: () => void = () => undefined;
      stub.state.gate = new Promise((resolve) => (open = resolve));
      await until('a new one is fetched', async () => {
        expect((await varnish.ask(CACHED)).text).toContain('answer 1 ');
        return stub.state.asked === 2;
      });
      for (let round = 0; round < 10; round++) {
        expect((await varnish.ask(CACHED)).text).toContain('answer 1 ');
      }
      stub.state.cacheControl = 'public, s-maxage=60';
      open();
      await until('the new one is there', async () => (await varnish.ask(CACHED)).text.includes('answer 2 '));
      expect(stub.state.asked).toBe(2);
    });

    test('keeps it when the new one is an error', async () => {
      stub.state.status = 500;
      await until('a new one was tried', async () => {
        const reply = await varnish.ask(CACHED);
        expect([reply.status, reply.text.slice(0, 17)]).toEqual([200, 'nobody: answer 1 ']);
        return stub.state.asked >= 3;
      });
    });

    test('sends it for long while no host is well, and its own page where it has nothing', async () => {
      await stub.close();
      stub.close = () => Promise.resolve();
      await until('no host is healthy', async () => {
        return !(await varnish.isHealthy('app1')) && !(await varnish.isHealthy('app2'));
      });
      // Past the 10 s that a stale answer is good for while a host is well.
      await new Promise((resolve) => setTimeout(resolve, 12_000));
      const stale = await varnish.ask(CACHED);
      expect([stale.status, stale.text.slice(0, 17)]).toEqual([200, 'nobody: answer 1 ']);
      expect(Number(stale.headers.age)).toBeGreaterThanOrEqual(12);

      const page = await varnish.ask('/', { headers: { Accept: 'text/html' } });
      expect([page.status, page.headers['retry-after']]).toEqual([503, '10']);
      expect(page.text).toContain('Back in a moment');
      const problem = await varnish.ask('/');
      expect(problem.headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(problem.text)).toMatchObject({ code: 'UNAVAILABLE' });
    });
  });

  test('purges for who is in the list only, and for nobody who comes through a proxy', async () => {
    const purge = (question = {}) => varnish.ask(CACHED, { method: 'PURGE', ...question });
    await varnish.ask(CACHED);
    expect((await purge({ from: '127.0.0.9' })).status).toBe(403);
    expect((await purge({ headers: { 'X-Forwarded-For': '203.0.113.7' } })).status).toBe(403);
    expect(await cacheState()).toBe('HIT 1');
    expect((await purge()).status).toBe(200);
    expect(await cacheState()).toBe('MISS');
  });

  test('tells the app who the client is: the proxy is believed, others are not', async () => {
    const ipFor = async (from: string) => {
      const { text } = await varnish.ask('/request', { from, headers: { 'X-Forwarded-For': '203.0.113.7' } });
      return (JSON.parse(text) as { ip: string }).ip;
    };
    expect(await ipFor('127.0.0.1')).toBe('203.0.113.7');
    // Loopback as well, but not in the list.
    expect(await ipFor('127.0.0.9')).toBe('127.0.0.9');
  });

  test("gives a request an id where it has none of the app's shape, and each answer its own", async () => {
    const own = await varnish.ask(CACHED, { headers: { 'X-Request-Id': 'order-66_from-the-shop' } });
    expect(own.headers['x-request-id']).toBe('order-66_from-the-shop');
    const made = await varnish.ask(CACHED, { headers: { 'X-Request-Id': 'a b' } });
    expect(made.headers['x-request-id']).toMatch(/^\d{10}-\d+-\d+$/);
    expect(made.headers['x-cache']).toBe('HIT 1');
    const told = await varnish.ask('/request');
    expect(JSON.parse(told.text)).toMatchObject({
      headers: { 'x-request-id': told.headers['x-request-id'] },
    });
  });
});

describeWith(['varnish'], 'deploy/varnish in front of the app', () => {
  test('caches the list, keeps a session apart from it, and notices when the app drains', async () => {
    const host = await AppHost.start({ SESSION_COOKIE_SECURE: 'off' });
    const other = await AppHost.start({ SESSION_COOKIE_SECURE: 'off', DRAIN_DELAY_SECONDS: '10' });
    const varnish = await Varnish.start({ hosts: [host.port, other.port] });
    try {
      await bothAreHealthy(varnish);
      other.drain();
      await until('it is out', async () => !(await varnish.isHealthy('app2')));
      // Varnish goes on asking after its health.
      const visits = () => other.requests.filter(({ path }) => path !== '/readyz').length;
      const before = visits();
      const states = [];
      for (let round = 0; round < 4; round++) {
        states.push((await varnish.ask('/api/items?pageSize=1')).headers['x-cache']);
        expect((await varnish.ask(`/api/items/${round + 1}`)).status).toBe(200);
      }
      expect(states).toEqual(['MISS', 'HIT 1', 'HIT 2', 'HIT 3']);
      expect(visits()).toBe(before);

      const login = await varnish.ask('/api/session', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: 'ada', password: PASSWORD }),
      });
      const cookie = login.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
      expect(cookie.split('=', 1)).toEqual([sessionCookie.name]);
      const me = await varnish.ask('/api/session', { headers: { Cookie: cookie } });
      expect([me.status, me.text]).toEqual([200, expect.stringContaining('"name":"ada"')]);
      expect((await varnish.ask('/api/session')).status).toBe(401);
      const list = (headers = {}) => varnish.ask('/api/items?pageSize=1', { headers });
      expect((await list({ Cookie: cookie })).headers['x-cache']).toBe('MISS');
      expect((await list()).headers['x-cache']).toBe('HIT 4');
    } finally {
      await varnish.stop();
      await Promise.all([host.stop(), other.stop()]);
    }
  });
});
