import type { Express } from 'express';
import { expect, test } from '@jest/globals';
import { logIn, saveSession } from '../../src/platform/sessions/session.ts';
import type { Toolkit } from '../../src/toolkit.ts';
import { cookieOf, gate, get, logInAs, type AccountAppOptions } from './account-app.ts';

type ServeWith = (options: AccountAppOptions) => Promise<{ url: string }>;

/** More than the time after which a session's use is written down. */
const DUE_MS = 6 * 60_000;

/** A request that holds its session for long. */
const SLOW = {
  reads: () => Promise.resolve(),
  'saves without a change': saveSession,
  changes: (req: Parameters<typeof saveSession>[0]) => {
    req.session.visits = 1000;
    return Promise.resolve();
  },
  'changes and saves': async (req: Parameters<typeof saveSession>[0]) => {
    req.session.visits = 1000;
    await saveSession(req);
  },
} as const;

type Slow = keyof typeof SLOW;

async function serveRace(serveWith: ServeWith, slow: Slow, clock: { now: number }) {
  const begun = gate();
  const goOn = gate();
  const add = (app: Express, { session }: Toolkit) => {
    app.get('/slow', session, async (req, res) => {
      begun.open();
      await goOn.opened;
      await SLOW[slow](req);
      res.json({});
    });
    app.get('/log-in-again', session, async (req, res) => {
      await logIn(req, { id: 'other', name: 'other' });
      res.json({});
    });
  };
  const { url } = await serveWith({ add, now: () => clock.now });
  return { url, begun: begun.opened, goOn: goOn.open };
}

/** Tests of two requests with one session at a time, for each kind of store. */
export function testSessionRaces(serveWith: ServeWith): void {
  const visits = async (url: string, cookie: string) =>
    ((await (await get(`${url}/visits`, cookie)).json()) as { visits: number }).visits;

  const whileSlow = async (
    slow: Slow,
    due: boolean,
    quick: (url: string, cookie: string) => Promise<unknown>,
  ) => {
    const clock = { now: Date.now() };
    const { url, begun, goOn } = await serveRace(serveWith, slow, clock);
    const cookie = await logInAs(url);
    expect(await visits(url, cookie)).toBe(1);
    if (due) clock.now += DUE_MS;
    const answer = get(`${url}/slow`, cookie);
    await begun;
    await quick(url, cookie);
    goOn();
    await (await answer).text();
    return { url, cookie, clock };
  };

  const slowOnes = Object.keys(SLOW) as Slow[];
  const cases = slowOnes.flatMap((slow) => [true, false].map((due) => [slow, due] as const));

  test.each(cases)(
    'a slow request that %s (use to be noted: %p) beside a quick one that changes',
    async (slow, due) => {
      const { url, cookie } = await whileSlow(slow, due, visits);
      // Of two that change, the last one wins.
      expect(await visits(url, cookie)).toBe(slow.startsWith('changes') ? 1001 : 3);
    },
  );

  test.each(cases)(
    'a slow request that %s (use to be noted: %p) does not undo a logout',
    async (slow, due) => {
      const { url, cookie } = await whileSlow(slow, due, (at, Cookie) =>
        fetch(`${at}/api/session`, { method: 'DELETE', headers: { Cookie } }),
      );
      expect((await get(`${url}/guarded`, cookie)).status).toBe(401);
    },
  );

  test.each(cases)(
    'a slow request that %s (use to be noted: %p) does not undo a new login',
    async (slow, due) => {
      let renewed = '';
      const { url, cookie } = await whileSlow(slow, due, async (at, old) => {
        renewed = cookieOf(await get(`${at}/log-in-again`, old));
      });
      expect((await get(`${url}/guarded`, cookie)).status).toBe(401);
      const { user } = (await (await get(`${url}/guarded`, renewed)).json()) as { user: object };
      expect(user).toEqual({ id: 'other', name: 'other' });
    },
  );

  test('a slow request that reads, and ends last, keeps the session alive', async () => {
    const { url, cookie, clock } = await whileSlow('reads', true, () => Promise.resolve());
    clock.now += 27 * 60_000;
    expect((await get(`${url}/guarded`, cookie)).status).toBe(200);
  });

  test('a request that changes a session counts as its use', async () => {
    const { url, cookie, clock } = await whileSlow('reads', false, () => Promise.resolve());
    clock.now += 2 * 60_000;
    expect(await visits(url, cookie)).toBe(2);
    clock.now += 29 * 60_000;
    expect((await get(`${url}/guarded`, cookie)).status).toBe(200);
  });
}
