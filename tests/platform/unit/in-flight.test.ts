import { ServerResponse, type IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { InFlight } from '../../../src/platform/lifecycle/in-flight.ts';

const response = () => new ServerResponse({ method: 'GET' } as IncomingMessage);

test('it holds what was added and not yet deleted, in whatever order that was', () => {
  const list = new InFlight();
  const known = new Set<ServerResponse>();
  const answers: boolean[] = [];
  for (let step = 0; step < 2000; step++) {
    const any = [...known][step % (known.size || 1)];
    if (step % 3 === 2 && any) {
      answers.push(list.delete(any));
      known.delete(any);
    } else {
      const added = response();
      list.add(added);
      known.add(added);
    }
    answers.push(list.size === known.size);
  }
  expect(new Set(answers)).toEqual(new Set([true]));
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
