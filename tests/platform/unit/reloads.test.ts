import { expect, test } from '@jest/globals';
import { Reloads } from '../../../src/platform/supervisor/reloads.ts';

const DONE = { ok: true, generation: 2 };

test('any number of requests during a reload are one more reload', async () => {
  let begun = 0;
  const begin = () => {
    begun += 1;
  };
  const reloads = new Reloads();
  const first = reloads.request(begin);
  const others = [reloads.request(begin), reloads.request(begin), reloads.request(begin)];
  expect(begun).toBe(1);
  reloads.end(DONE, begin);
  expect(await first).toBe(DONE);
  expect([begun, reloads.running]).toEqual([2, true]);
  const aborted = { ok: false, generation: 3, reason: 'it crashed' };
  reloads.end(aborted, begin);
  expect(await Promise.all(others)).toEqual([aborted, aborted, aborted]);
  expect([begun, reloads.running, reloads.last]).toEqual([2, false, aborted]);
  expect(reloads.counts).toEqual({ reloads: 1, abortedReloads: 1 });
});

test('a stop ends the one that runs and the one that waits', async () => {
  const reloads = new Reloads();
  const both = [reloads.request(() => undefined), reloads.request(() => undefined)];
  const stopped = { ok: false, generation: 2, reason: 'stopping' };
  reloads.end(stopped);
  expect(await Promise.all(both)).toEqual([stopped, stopped]);
  expect(reloads.running).toBe(false);
});
