import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import type { Session, SessionData } from 'express-session';
import { MemorySessionStore } from '../../../src/platform/sessions/memory-session-store.ts';

const config = { SESSION_IDLE_MINUTES: 1, SESSION_ABSOLUTE_HOURS: 1 };

const newSession = (fields: Partial<SessionData> = {}): SessionData => ({
  cookie: { originalMaxAge: 60_000 },
  createdAt: Date.now(),
  seenAt: Date.now(),
  ...fields,
});

function read(store: MemorySessionStore, id: string): SessionData | undefined {
  let found: SessionData | undefined;
  store.get(id, (_error, data) => {
    found = data;
  });
  return found;
}

test('gives back a copy: what is changed without being stored is not kept', () => {
  const store = new MemorySessionStore({ config });
  const session = newSession({ visits: 1 });
  store.set('a', session);
  session.visits = 2;
  const found = read(store, 'a');
  expect(found?.visits).toBe(1);
  expect(found).not.toBe(session);
});

test('forgets the session that was unused for longest when it is full', () => {
  const store = new MemorySessionStore({ config, max: 2 });
  store.set('a', newSession());
  store.set('b', newSession());
  read(store, 'a');
  store.set('c', newSession());
  expect(read(store, 'a')).toBeDefined();
  expect(read(store, 'b')).toBeUndefined();
  expect(read(store, 'c')).toBeDefined();
});

test('ends sessions by both ages', () => {
  let now = Date.now();
  const store = new MemorySessionStore({ config, now: () => now });
  store.set('idle', newSession({ createdAt: now, seenAt: now }));
  store.set('old', newSession({ createdAt: now, seenAt: now + 3_600_000 }));
  now += 59_000;
  expect(read(store, 'idle')).toBeDefined();
  now += 1000;
  expect(read(store, 'idle')).toBeUndefined();
  expect(read(store, 'old')).toBeDefined();
  now += 3_540_000;
  expect(read(store, 'old')).toBeUndefined();
});

/** A request's session, as express-session makes it. */
function open(store: MemorySessionStore, id: string): Session {
  const req = { sessionID: id, sessionStore: store };
  const data = read(store, id);
  if (!data) throw new Error('there is none');
  return store.createSession(req as unknown as Request, data);
}

const save = (session: Session) =>
  new Promise((resolve) => {
    session.save(resolve);
  });

describe('a session that is saved', () => {
  const stored = async (change: (session: Session & Partial<SessionData>) => void) => {
    const store = new MemorySessionStore({ config });
    store.set('a', newSession());
    const request = open(store, 'a');
    change(request);
    await save(request);
    return read(store, 'a');
  };

  test.each<[string, (cookie: Session['cookie']) => void, object]>([
    ['age', (cookie) => (cookie.maxAge = 86_400_000), { originalMaxAge: expect.closeTo(86_400_000, -3) }],
    ['age: none', (cookie) => (cookie.maxAge = null as never), { originalMaxAge: null }],
    ['path', (cookie) => (cookie.path = '/admin'), { path: '/admin' }],
    ['SameSite', (cookie) => (cookie.sameSite = 'strict'), { sameSite: 'strict' }],
  ])('keeps another %s of its cookie, though its data is as before', async (_what, change, expected) => {
    const after = await stored(({ cookie }) => {
      change(cookie);
    });
    expect(after?.cookie).toMatchObject(expected);
  });

  test('and has only a later end of its cookie writes no data over that of another request', async () => {
    const store = new MemorySessionStore({ config });
    store.set('a', newSession({ visits: 1 }));
    for (let round = 0; round < 50; round++) {
      const slow = open(store, 'a');
      const quick = open(store, 'a') as Session & Partial<SessionData>;
      quick.visits = round;
      await save(quick);
      await new Promise((resolve) => setTimeout(resolve, round % 3));
      slow.touch();
      await save(slow);
      expect(read(store, 'a')?.visits).toBe(round);
    }
  });
});

test('does not bring back a session that was destroyed while a request had it', () => {
  const store = new MemorySessionStore({ config });
  store.set('a', newSession());
  const inUse = store.createSession({ sessionID: 'a' } as never, read(store, 'a') ?? newSession());
  store.destroy('a');
  store.set('a', inUse);
  expect(read(store, 'a')).toBeUndefined();
});
