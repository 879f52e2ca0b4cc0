import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { sessionCookie } from '../../../src/session.ts';
import { logIn } from '../../../src/platform/sessions/session.ts';
import {
  PASSWORD,
  cookieOf,
  get,
  logInAs,
  logOutMeanwhile,
  serveAccountEachTest,
} from '../../support/account-app.ts';
import { until } from '../../support/until.ts';
import { testSessionRaces } from '../../support/session-races.ts';

const appWith = serveAccountEachTest();

const SECURE = { SESSION_COOKIE_SECURE: 'on', TRUST_PROXY: '1' };
const OVER_TLS = { 'X-Forwarded-Proto': 'https' };
const secrets = (...letters: string[]) => letters.map((letter) => letter.repeat(40)).join();
const SIGNED_ID = /^(?:__Host-)?[\w.-]+\.sid=s%3A[\w-]{32}\.\S+$/;

describe('the cookie', () => {
  test('is HttpOnly, SameSite=Lax, for this host alone, and lasts for the idle time', async () => {
    const { url } = await appWith({ env: { SESSION_IDLE_MINUTES: '30' } });
    const response = await fetch(`${url}/visits`);
    const [cookie = ''] = response.headers.getSetCookie();
    const [value, ...attributes] = cookie.split('; ');
    expect(value).toMatch(SIGNED_ID);
    const expires = attributes.find((attribute) => attribute.startsWith('Expires='))?.slice(8) ?? '';
    expect(attributes.filter((attribute) => !attribute.startsWith('Expires=')).sort()).toEqual([
      'HttpOnly',
      'Path=/',
      'SameSite=Lax',
    ]);
    expect(Math.abs(Date.parse(expires) - Date.now() - 30 * 60_000)).toBeLessThan(5000);
  });

  test('is a __Host- cookie, Secure, behind a trusted proxy that ends TLS', async () => {
    const { url } = await appWith({ env: SECURE });
    const response = await fetch(`${url}/visits`, { headers: OVER_TLS });
    const attributes = response.headers.getSetCookie()[0]?.split('; ') ?? [];
    expect(attributes[0]).toMatch(/^__Host-[\w.-]+\.sid=/);
    expect(attributes).toEqual(expect.arrayContaining(['Secure', 'HttpOnly', 'SameSite=Lax', 'Path=/']));
    expect(attributes.join()).not.toContain('Domain');
  });

  test.each([
    ['off', 'shop.sid', {}, {}],
    ['on', '__Secure-shop.sid', SECURE, OVER_TLS],
  ])(
    'has the name, the domain and the SameSite of its options, Secure %s',
    async (_secure, name, env, headers) => {
      const cookie = { name: 'shop.sid', domain: 'shop.example', sameSite: 'strict' } as const;
      const { url } = await appWith({ env, cookie });
      const loggedIn = await logInAs(url, 'ada', headers);
      expect(loggedIn.startsWith(`${name}=`)).toBe(true);
      const loggedOut = await fetch(`${url}/api/session`, {
        method: 'DELETE',
        headers: { ...headers, Cookie: loggedIn },
      });
      expect(loggedOut.status).toBe(204);
      const [removed = ''] = loggedOut.headers.getSetCookie();
      expect(removed.split('; ')).toEqual(
        expect.arrayContaining([`${name}=`, 'Domain=shop.example', 'SameSite=Strict', 'Path=/', 'HttpOnly']),
      );
      expect(removed).toContain('Expires=Thu, 01 Jan 1970');
    },
  );

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['without TLS', SECURE, {}],
    ['with X-Forwarded-Proto from a proxy nobody trusts', { SESSION_COOKIE_SECURE: 'on' }, OVER_TLS],
  ])('is never downgraded: %s a log in says what to change', async (_name, env, headers) => {
    const { url } = await appWith({ env });
    const response = await request(url)
      .post('/api/session')
      .set(headers)
      .send({ name: 'ada', password: 'x' })
      .expect(403);
    expect(response.body).toMatchObject({ code: 'HTTPS_REQUIRED' });
    expect((response.body as { detail: string }).detail).toMatch(/TRUST_PROXY.*SESSION_COOKIE_SECURE=off/);
    expect(response.headers).not.toHaveProperty('set-cookie');
  });

  test('for HTTPS is refused over HTTP to a log in of your own, too', async () => {
    const { url } = await appWith({
      env: SECURE,
      add: (app, { session }) =>
        app.post('/own', session, async (req, res) => {
          await logIn(req, { id: '1', name: 'ada' });
          res.end();
        }),
    });
    const response = await fetch(`${url}/own`, { method: 'POST' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'HTTPS_REQUIRED' });
  });

  test('of the plain name is worth nothing where the secure one is used', async () => {
    const plain = await appWith({ env: { SESSION_SECRETS: secrets('a') } });
    const secure = await appWith({ env: { ...SECURE, SESSION_SECRETS: secrets('a') } });
    const cookie = await logInAs(plain.url);
    const answer = await fetch(`${secure.url}/guarded`, { headers: { ...OVER_TLS, Cookie: cookie } });
    expect(answer.status).toBe(401);
  });

  test.each([
    ['is not signed', (cookie: string) => cookie.replace(/(=[^.]*)\..*/, '$1')],
    ['is signed wrong', (cookie: string) => `${cookie}x`],
    // An id may begin with a "_" itself.
    [
      'names another session',
      (cookie: string) => cookie.replace(/s%3A(.)/, (_id, first) => `s%3A${first === '_' ? '-' : '_'}`),
    ],
    ['is empty', () => `${sessionCookie.name}=`],
    ['has a NUL', () => `${sessionCookie.name}=s%3A%00.x`],
    ['is a broken encoding', () => `${sessionCookie.name}=s%3A%E0%A4%A`],
    ['is long', () => `${sessionCookie.name}=s%3A${'a'.repeat(8000)}.x`],
  ])('that %s is as good as none', async (_name, change) => {
    const { url } = await appWith();
    const cookie = await logInAs(url);
    expect((await get(`${url}/guarded`, change(cookie))).status).toBe(401);
    expect((await get(`${url}/guarded`, cookie)).status).toBe(200);
  });
});

describe('two requests with one session at a time:', () => {
  testSessionRaces(appWith);
});

describe('a session', () => {
  test('is not made for somebody who only looks', async () => {
    const { url } = await appWith();
    const response = await get(`${url}/public`);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
  });

  test('is not there on a route that does not mount it', async () => {
    const { url } = await appWith();
    const response = await get(`${url}/plain`);
    expect(response.headers.get('cache-control')).toBeNull();
  });

  test('keeps what is put into it', async () => {
    const { url } = await appWith();
    const first = await get(`${url}/visits`);
    const cookie = cookieOf(first);
    await expect((await get(`${url}/visits`, cookie)).json()).resolves.toEqual({ visits: 2 });
  });

  test('gets a new id at log in: one that was planted before is worth nothing', async () => {
    const { url } = await appWith();
    const planted = cookieOf(await get(`${url}/visits`));
    const cookie = await logInAs(url, 'ada', { Cookie: planted });
    expect(cookie).toMatch(SIGNED_ID);
    expect(cookie).not.toBe(planted);
    expect((await get(`${url}/guarded`, planted)).status).toBe(401);
    await expect((await get(`${url}/visits`, planted)).json()).resolves.toEqual({ visits: 1 });
    expect((await get(`${url}/guarded`, cookie)).status).toBe(200);
  });

  test('ends on the server at log out: its cookie is worth nothing afterwards', async () => {
    const { url } = await appWith();
    const cookie = await logInAs(url);
    const out = await fetch(`${url}/api/session`, { method: 'DELETE', headers: { Cookie: cookie } });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie()[0]).toMatch(
      /^[\w.-]+\.sid=; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax$/,
    );
    expect((await get(`${url}/guarded`, cookie)).status).toBe(401);
  });

  test('is not brought back by a request that was under way when it ended', async () => {
    const { url, cookie } = await logOutMeanwhile((add) => appWith({ add }));
    expect((await get(`${url}/guarded`, cookie)).status).toBe(401);
  });
});

describe('its ages', () => {
  const MINUTE = 60_000;

  async function appWithClock() {
    const clock = { now: Date.now() };
    const env = { SESSION_IDLE_MINUTES: '30', SESSION_ABSOLUTE_HOURS: '1' };
    const app = await appWith({ env, now: () => clock.now });
    const statusAfter = async (minutes: number, cookie: string) => {
      clock.now += minutes * MINUTE;
      return (await get(`${app.url}/guarded`, cookie)).status;
    };
    return { url: app.url, statusAfter };
  }

  test('it ends when nobody used it for the idle time', async () => {
    const { url, statusAfter } = await appWithClock();
    const cookie = await logInAs(url);
    expect(await statusAfter(29.9, cookie)).toBe(200);
    expect(await statusAfter(29.9, cookie)).toBe(200);
    expect(await statusAfter(30, cookie)).toBe(401);
  });

  test('it ends at its absolute age, however much it is used', async () => {
    const { url, statusAfter } = await appWithClock();
    const cookie = await logInAs(url);
    const statuses = [];
    for (const minutes of [20, 20, 19.9, 0.1]) statuses.push(await statusAfter(minutes, cookie));
    expect(statuses).toEqual([200, 200, 200, 401]);
  });

  test('the cookie is sent again when its end moves, and only then', async () => {
    const clock = { now: Date.now() };
    const { url } = await appWith({ env: { SESSION_IDLE_MINUTES: '30' }, now: () => clock.now });
    const cookie = await logInAs(url);
    expect((await get(`${url}/guarded`, cookie)).headers.getSetCookie()).toEqual([]);
    clock.now += 3 * MINUTE;
    expect(cookieOf(await get(`${url}/guarded`, cookie))).toBe(cookie);
    expect((await get(`${url}/guarded`, cookie)).headers.getSetCookie()).toEqual([]);
  });
});

describe('secrets', () => {
  test('may be changed: the first signs, all verify, and one that went verifies no more', async () => {
    const before = await appWith({ env: { SESSION_SECRETS: secrets('a') } });
    const during = await appWith({ env: { SESSION_SECRETS: secrets('b', 'a') } });
    const after = await appWith({ env: { SESSION_SECRETS: secrets('b') } });
    // One store behind all three, as Redis would be.
    for (const app of [during, after]) {
      const shared = before.toolkit.stores.sessions;
      app.toolkit.stores.sessions.read = shared.read.bind(shared);
    }
    const old = await logInAs(before.url);
    expect((await get(`${during.url}/guarded`, old)).status).toBe(200);
    expect((await get(`${after.url}/guarded`, old)).status).toBe(401);
    const signature = (cookie: string) => cookie.split('.').slice(1).join('.');
    expect(signature(await logInAs(during.url))).not.toBe(signature(old));
  });
});

describe('a storage that fails', () => {
  async function appWithBroken(method: 'read' | 'write' | 'remove') {
    const app = await appWith();
    const cookie = await logInAs(app.url);
    const failing = () => Promise.reject(new Error('Connection is closed.'));
    Object.assign(app.toolkit.stores.sessions, { [method]: failing });
    return { ...app, cookie };
  }

  test('to read leaves public routes alone; guarded ones return 503', async () => {
    const { url, cookie } = await appWithBroken('read');
    await expect((await get(`${url}/public`, cookie)).json()).resolves.toEqual({ user: null });
    const guarded = await get(`${url}/guarded`, cookie);
    expect(guarded.status).toBe(503);
    expect(guarded.headers.get('retry-after')).toBe('1');
    await expect(guarded.json()).resolves.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('to save makes a login fail, without a cookie', async () => {
    const { url } = await appWithBroken('write');
    await expect(logInAs(url)).rejects.toThrow(/503.*STORE_UNAVAILABLE/);
    const response = await request(url).post('/api/session').send({ name: 'ada', password: PASSWORD });
    expect(response.headers).not.toHaveProperty('set-cookie');
  });

  test('to save at the end of a response is logged, and the response is whole', async () => {
    const { url, log } = await appWithBroken('write');
    await expect((await get(`${url}/visits`)).json()).resolves.toEqual({ visits: 1 });
    await until(() => log.lines.some((line) => line.msg === 'cannot save a session'));
  });

  test('to remove makes a logout fail, and the cookie stays', async () => {
    const { url, cookie } = await appWithBroken('remove');
    const out = await fetch(`${url}/api/session`, { method: 'DELETE', headers: { Cookie: cookie } });
    expect(out.status).toBe(503);
    expect(out.headers.getSetCookie()).toEqual([]);
    expect((await get(`${url}/guarded`, cookie)).status).toBe(200);
  });
});
