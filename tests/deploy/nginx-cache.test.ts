import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Load } from '../support/deploy/load.ts';
import { Nginx } from '../support/deploy/nginx.ts';
import { startStub, type Stub } from '../support/deploy/stub-app.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';

const CACHED = '/api/items';

describeWith(['nginx', 'brotli', 'openssl'], "deploy/nginx's micro-cache", () => {
  let stub: Stub;
  let nginx: Nginx;

  beforeEach(async () => {
    stub = await startStub();
    nginx = await Nginx.start({ hosts: [stub.port] });
  });
  afterEach(async () => {
    await nginx.stop();
    await stub.close();
  });

  const cacheStatus = async (path = CACHED, headers: Record<string, string> = {}) => {
    const reply = await nginx.ask(path, { headers });
    return reply.headers['x-cache-status'];
  };

  test('stores what the app says may be stored, in the way it says', async () => {
    expect(await cacheStatus()).toBe('MISS');
    expect(await cacheStatus()).toBe('HIT');
    expect(stub.state.asked).toBe(1);
    stub.state.cacheControl = 'private, no-store';
    expect(await cacheStatus(`${CACHED}?page=2`)).toBe('MISS');
    expect(await cacheStatus(`${CACHED}?page=2`)).toBe('MISS');
    expect(stub.state.asked).toBe(3);
  });

  test('sends a stored answer with the id of the request it is for', async () => {
    await nginx.ask(CACHED, { headers: { 'X-Request-Id': 'the-first-of-two' } });
    const second = await nginx.ask(CACHED, { headers: { 'X-Request-Id': 'the-second-of-two' } });
    expect(second.headers).toMatchObject({
      'x-cache-status': 'HIT',
      'x-request-id': 'the-second-of-two',
    });
  });

  test('1,000 misses at the same time are one request to the app', async () => {
    let open: () => void = () => undefined;
    stub.state.gate = new Promise((resolve) => (open = resolve));
    const load = new Load({
      ...nginx.target,
      lanes: 1000,
      total: 1000,
      addresses: 250,
      requests: [{ path: CACHED, contains: 'answer 1 ' }],
    });
    await until('all have been sent', () => load.sent === 1000, { seconds: 25 });
    open();
    expect(await load.end()).toMatchObject({ answered: 1000, failed: 0, wrong: 0 });
    expect(stub.state.asked).toBe(1);
  });

  test('requests for what is not cached do not wait for each other', async () => {
    const load = {
      ...nginx.target,
      lanes: 50,
      addresses: 50,
      total: 500,
      requests: [{ path: '/api/items/1' }],
    };
    expect(await Load.run(load)).toMatchObject({ answered: 500, failed: 0 });
    // Waiting for the lock shows as 500 ms or more; a busy machine delays one request or the other, never all.
    const waited = nginx.log.filter(({ seconds }) => Number(seconds) >= 0.5);
    expect(waited.length).toBeLessThan(100);
  });

  describe('when an answer is no longer fresh', () => {
    beforeEach(async () => {
      stub.state.cacheControl = 'public, s-maxage=1';
      await cacheStatus();
    });

    test('sends it all the same while one request fetches a new one', async () => {
      let open: () => void = () => undefined;
      stub.state.gate = new Promise((resolve) => (open = resolve));
      const seen: unknown[] = [];
      await until('it is stale', async () => {
        const reply = await nginx.ask(CACHED);
        expect(reply.text).toContain('answer 1 ');
        seen.push(reply.headers['x-cache-status']);
        return seen.at(-1) !== 'HIT';
      });
      for (let round = 0; round < 10; round++) seen.push(await cacheStatus());
      expect([...new Set(seen)].filter((status) => status !== 'HIT')).toEqual(['STALE', 'UPDATING']);
      expect(stub.state.asked).toBe(2);
      stub.state.cacheControl = 'public, s-maxage=60';
      open();
      await until('the new one is there', async () => (await nginx.ask(CACHED)).text.includes('answer 2 '));
      expect(stub.state.asked).toBe(2);
    });

    test.each([500, 502, 503, 504])('sends it while the app answers %i', async (status) => {
      stub.state.status = status;
      await until('it is stale', async () => (await cacheStatus()) !== 'HIT');
      for (let round = 0; round < 5; round++) {
        const reply = await nginx.ask(CACHED);
        expect([reply.status, reply.text.slice(0, 17)]).toEqual([200, 'nobody: answer 1 ']);
      }
    });

    test('sends it while the app is down', async () => {
      await stub.close();
      stub.close = () => Promise.resolve();
      await until('it is stale', async () => (await cacheStatus()) !== 'HIT');
      const { failed, statuses } = await Load.run({
        ...nginx.target,
        addresses: 20,
        total: 500,
        requests: [{ path: CACHED, contains: 'answer 1 ' }],
      });
      expect({ failed, statuses }).toEqual({ failed: 0, statuses: { 200: 500 } });
      expect((await nginx.ask('/request')).status).toBe(502);
    });
  });

  test.each([
    ['a session cookie', { Cookie: '__Host-sid=s%3Aabc' }],
    ['one over plain HTTP', { Cookie: 'sid=s%3Aabc' }],
    ['one among others', { Cookie: 'theme=dark; __Host-sid=abc; a=b' }],
    ['one without a space', { Cookie: 'theme=dark;sid=abc' }],
    ['one with a space before the equals sign', { Cookie: 'theme=dark;\tsid =abc' }],
    ['Authorization', { Authorization: 'Bearer abc' }],
  ])('with %s, neither stores nor reads', async (_what, headers) => {
    const personal = Object.values(headers)[0] ?? '';
    expect(await cacheStatus(CACHED, headers)).toBeUndefined();
    const anonymous = await nginx.ask(CACHED);
    expect(anonymous.headers['x-cache-status']).toBe('MISS');
    expect(anonymous.text).not.toContain('abc');
    const again = await nginx.ask(CACHED, { headers });
    expect(again.text).toContain(`${personal}: answer 3 `);
  });

  test('a cookie that is no session takes nothing from the cache', async () => {
    await cacheStatus();
    expect(await cacheStatus(CACHED, { Cookie: 'theme=dark; _ga=GA1.2.3' })).toBe('HIT');
  });

  test('of two users and 10,000 requests, nobody sees what is for another', async () => {
    const [ada, grace] = ['__Host-sid=ada', '__Host-sid=grace'];
    const result = await Load.run({
      ...nginx.target,
      lanes: 12,
      addresses: 240,
      total: 10_000,
      requests: [
        { path: CACHED, headers: { Cookie: ada }, contains: `${ada}: `, lacks: 'grace' },
        { path: CACHED, headers: { Cookie: grace }, contains: `${grace}: `, lacks: 'ada' },
        { path: CACHED, contains: 'nobody: ', lacks: 'sid' },
      ],
    });
    expect(result).toMatchObject({ answered: 10_000, wrong: 0, failures: [] });
  });
});
