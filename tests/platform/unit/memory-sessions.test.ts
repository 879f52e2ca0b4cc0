import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import type { Session, SessionData } from 'express-session';
import { MemorySessions } from '../../../src/platform/sessions/memory-sessions.ts';
import { SessionStore, type SessionWrite } from '../../../src/platform/sessions/session-store.ts';
import { sessionFields } from '../../../src/session.ts';
import { silent } from '../../support/caches.ts';

const config = { SESSION_IDLE_MINUTES: 1, SESSION_ABSOLUTE_HOURS: 1 };

const storeOf = (storage = new MemorySessions(), now = Date.now) =>
  new SessionStore({ storage, fields: sessionFields, config, logger: silent, now });

const newSession = (fields: Partial<SessionData> = {}): SessionData => ({
  cookie: { originalMaxAge: 60_000 },
  ...fields,
});

const created = (json: string): SessionWrite => ({ kind: 'create', json, from: '', seconds: 60 });

function read(store: SessionStore, id: string): Promise<SessionData | undefined> {
  return new Promise((resolve) => {
    store.get(id, (_error, data) => {
      resolve(data);
    });
  });
}

const set = (store: SessionStore, id: string, data: SessionData) =>
  new Promise((resolve) => {
    store.set(id, data, resolve);
  });

/** A request's session, as express-session makes it. */
async function open(store: SessionStore, id: string): Promise<Session & Partial<SessionData>> {
  const data = await read(store, id);
  if (!data) throw new Error('there is none');
  return store.createSession({ sessionID: id, sessionStore: store } as unknown as Request, data);
}

const save = (session: Session) =>
  new Promise((resolve) => {
    session.save(resolve);
  });

test('gives back a copy: what is changed without being stored is lost', async () => {
  const store = storeOf();
  const session = newSession({ visits: 1 });
  await set(store, 'a', session);
  session.visits = 2;
  const found = await read(store, 'a');
  expect(found?.visits).toBe(1);
  expect(found).not.toBe(session);
});

test('removes the session that was unused for longest when it is full', async () => {
  const storage = new MemorySessions(2);
  await storage.write('a', created('A'));
  await storage.write('b', created('B'));
  await storage.read('a');
  await storage.write('c', created('C'));
  const left = await Promise.all(['a', 'b', 'c'].map((id) => storage.read(id)));
  expect(left).toEqual(['A', undefined, 'C']);
});

test('ends sessions by both ages', async () => {
  let now = Date.now();
  const store = storeOf(new MemorySessions(), () => now);
  await set(store, 'idle', newSession());
  await set(store, 'old', newSession());
  for (let seconds = 59; seconds < 3540; seconds += 59) {
    now += 59_000;
    await save(await open(store, 'old'));
    expect((await read(store, 'idle')) !== undefined).toBe(seconds === 59);
  }
  now += 60_000;
  expect(await read(store, 'old')).toBeUndefined();
});

describe('a session that is saved', () => {
  const stored = async (change: (session: Session & Partial<SessionData>) => void) => {
    const store = storeOf();
    await set(store, 'a', newSession());
    const request = await open(store, 'a');
    change(request);
    await save(request);
    return read(store, 'a');
  };

  test.each<[string, (cookie: Session['cookie']) => void, object]>([
    ['age', (cookie) => (cookie.maxAge = 86_400_000), { originalMaxAge: expect.closeTo(86_400_000, -3) }],
    ['age: none', (cookie) => (cookie.maxAge = null as never), { originalMaxAge: null }],
    ['path', (cookie) => (cookie.path = '/admin'), { path: '/admin' }],
    ['SameSite', (cookie) => (cookie.sameSite = 'strict'), { sameSite: 'strict' }],
  ])('has another %s of its cookie, though its data is as before', async (_what, change, expected) => {
    const after = await stored(({ cookie }) => {
      change(cookie);
    });
    expect(after?.cookie).toMatchObject(expected);
  });

  test('and has only a later end of its cookie writes no data over that of another request', async () => {
    const store = storeOf();
    await set(store, 'a', newSession({ visits: 1 }));
    for (let round = 0; round < 50; round++) {
      const slow = await open(store, 'a');
      const quick = await open(store, 'a');
      quick.visits = round;
      await save(quick);
      await new Promise((resolve) => setTimeout(resolve, round % 3));
      slow.touch();
      await save(slow);
      expect((await read(store, 'a'))?.visits).toBe(round);
    }
  });

  test('has when it was first stored and when it was last used', async () => {
    let now = 1000;
    const store = storeOf(new MemorySessions(), () => now);
    await set(store, 'a', newSession());
    now = 2000;
    const request = await open(store, 'a');
    request.visits = 1;
    await save(request);
    expect(await read(store, 'a')).toMatchObject({ createdAt: 1000, seenAt: 2000 });
  });
});

test('does not bring back a session that was destroyed while a request had it', async () => {
  const store = storeOf();
  await set(store, 'a', newSession());
  const inUse = await open(store, 'a');
  store.destroy('a');
  await save(inUse);
  expect(await read(store, 'a')).toBeUndefined();
});

describe('the file that keeps sessions over a restart', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sessions-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('has all of them, for this user only', async () => {
    const file = join(folder, 'new', 'sessions.json');
    const before = new MemorySessions();
    await before.write('a', created('A'));
    await before.save(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const after = new MemorySessions();
    await after.load(file);
    expect(await after.read('a')).toBe('A');
  });

  test.each(['', '{', '{}', 'null', '[1]', '[["a"]]'])('is ignored if it is %p', async (text) => {
    const file = join(folder, 'damaged.json');
    await writeFile(file, text);
    const sessions = new MemorySessions();
    await sessions.load(file);
    await sessions.write('a', created('A'));
    expect(await sessions.read('a')).toBe('A');
  });

  test('that cannot be written fails nothing', async () => {
    await expect(new MemorySessions().save(join(folder, 'no\0name'))).resolves.toBeUndefined();
  });
});
