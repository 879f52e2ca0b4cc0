import { ServerResponse, type IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { InFlight } from '../../src/runtime/in-flight.ts';

const response = () => new ServerResponse({ method: 'GET' } as IncomingMessage);

test('it holds what was added and not yet deleted, in whatever order that was', () => {
  const list = new InFlight();
  const known = new Set<ServerResponse>();
  for (let step = 0; step < 2000; step++) {
    if (step % 3 < 2) {
      const added = response();
      list.add(added);
      known.add(added);
    } else {
      const [any = response()] = [...known].slice(step % known.size);
      expect(list.delete(any)).toBe(known.delete(any));
    }
    expect(list.size).toBe(known.size);
  }
  expect(new Set(list)).toEqual(known);
  for (const each of known) expect(list.delete(each)).toBe(true);
  expect(list.size).toBe(0);
});

test('deleting twice, or what was never there, changes nothing', () => {
  const list = new InFlight();
  const [first, second, stranger] = [response(), response(), response()];
  list.add(first);
  list.add(second);
  expect(list.delete(first)).toBe(true);
  expect(list.delete(first)).toBe(false);
  expect(list.delete(stranger)).toBe(false);
  expect([...list]).toEqual([second]);
});
