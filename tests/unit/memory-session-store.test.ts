import { expect, test } from '@jest/globals';
import type { SessionData } from 'express-session';
import { MemorySessionStore } from '../../src/stores/memory-session-store.ts';

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

test('does not bring back a session that was destroyed while a request had it', () => {
  const store = new MemorySessionStore({ config });
  store.set('a', newSession());
  const inUse = store.createSession({ sessionID: 'a' } as never, read(store, 'a') ?? newSession());
  store.destroy('a');
  store.set('a', inUse);
  expect(read(store, 'a')).toBeUndefined();
});
