import { describe, expect, test } from '@jest/globals';
import { duration, statusTable } from '../../../src/platform/supervisor/ctl.ts';
import type { Status, WorkerStatus } from '../../../src/platform/supervisor/status.ts';

const WORKER: WorkerStatus = {
  slot: 0,
  pid: 1001,
  state: 'ready',
  generation: 3,
  uptimeSeconds: 3725,
  rssBytes: 90 * 1024 ** 2,
  utilization: 0.423,
  delayMs: 1.26,
  requests: 1_234_567,
  inFlight: 2,
};

const STATUS: Status = {
  state: 'reloading',
  pid: 1000,
  uptimeSeconds: 93_784,
  generation: 4,
  target: 2,
  ready: 2,
  lastReload: { ok: false, generation: 3, reason: 'the new worker of slot 0 exited with 1' },
  counts: { crashes: 1, hangs: 0, bootFailures: 2, recycled: 3, reloads: 1, abortedReloads: 1 },
  workers: [WORKER, { slot: 1, pid: 99, state: 'booting', generation: 3, uptimeSeconds: 3725 }],
};

test('the status is a summary and one line per worker', () => {
  expect(statusTable(STATUS).split('\n')).toEqual([
    'reloading: 2 of 2 ready · generation 4 · primary 1000 · up 1 d 2 h',
    'replaced: 1 crashed, 0 hung, 2 did not boot, 3 recycled',
    'last reload was aborted: the new worker of slot 0 exited with 1',
    '',
    'worker   pid  state    gen     uptime  memory  busy   delay   requests  in flight',
    '     0  1001  ready      3  1 h 2 min   90 MB  42 %  1.3 ms  1,234,567          2',
    '     1    99  booting    3  1 h 2 min       –     –       –          –          –',
  ]);
});

describe('a duration', () => {
  test.each([
    [0, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [3599, '59 min 59 s'],
    [3600, '1 h'],
    [3601, '1 h'],
    [93_784, '1 d 2 h'],
  ])('of %i seconds is "%s"', (seconds, expected) => {
    expect(duration(seconds)).toBe(expected);
  });
});
