import { describe, expect, test } from '@jest/globals';
import {
  allReadySince,
  decide,
  isReloaded,
  recycleReasonOf,
  REQUESTED,
  type FleetView,
  type WorkerView,
} from '../../../src/platform/supervisor/policy.ts';

const LIMITS = { bootMs: 30_000, hangMs: 15_000, stableMs: 1000, minUptimeMs: 10_000 };
const NOW = 1_000_000;

interface NamedWorker extends WorkerView {
  readonly name: string;
}

/** A worker that has served for a minute; `changes` overrides it. */
function worker(name: string, slot: number, changes: Partial<WorkerView> = {}): NamedWorker {
  return {
    name,
    slot,
    generation: 1,
    phase: 'ready',
    forkedAt: NOW - 61_000,
    readyAt: NOW - 60_000,
    lastMessageAt: NOW - 500,
    heartbeatPaused: false,
    recycleReason: undefined,
    killAt: Infinity,
    ...changes,
  };
}

const booting = {
  phase: 'booting',
  readyAt: Infinity,
  forkedAt: NOW - 100,
  lastMessageAt: NOW - 100,
} as const;
const stopping = { phase: 'stopping', killAt: NOW + 10_000 } as const;
const hung = { lastMessageAt: NOW - 15_001 } as const;

const FLEET = {
  target: 2,
  generation: 1,
  reloading: false,
  stopping: false,
  everReady: true,
  respawnAt: () => 0,
  now: NOW,
  limits: LIMITS,
};

function decisions(workers: NamedWorker[], fleet: Partial<FleetView<NamedWorker>> = {}): string[] {
  return decide({ workers, ...FLEET, ...fleet }).map((action) => {
    if (action.type === 'fork') return `fork ${action.slot}`;
    if (action.type === 'drain') return `drain ${action.worker.name}: ${action.reason}`;
    return `${action.signal} ${action.worker.name}: ${action.reason}`;
  });
}

describe('a complete set of workers', () => {
  test('is left alone', () => {
    expect(decisions([worker('a', 0), worker('b', 1)])).toEqual([]);
    expect(decisions([worker('a', 0), worker('b', 1), worker('c', 1, stopping)])).toEqual([]);
  });
});

describe('the start', () => {
  test('forks one worker, and the others when it is ready', () => {
    expect(decisions([], { everReady: false })).toEqual(['fork 0']);
    expect(decisions([worker('a', 0, booting)], { everReady: false })).toEqual([]);
    expect(decisions([worker('a', 0)], { target: 4 })).toEqual(['fork 1', 'fork 2', 'fork 3']);
  });

  test('kills a worker that is not ready in time', () => {
    const slow = worker('a', 0, { ...booting, forkedAt: NOW - 30_001 });
    expect(decisions([slow, worker('b', 1)])).toEqual(['SIGKILL a: was not ready in time']);
  });
});

describe('a slot without a worker', () => {
  test('gets another one after the respawn delay', () => {
    expect(decisions([worker('b', 1)])).toEqual(['fork 0']);
    expect(decisions([worker('b', 1)], { respawnAt: () => NOW + 1 })).toEqual([]);
    expect(decisions([worker('b', 1), worker('a', 0, stopping)])).toEqual(['fork 0']);
  });
});

describe('a worker that hangs', () => {
  test('is replaced first, then aborted', () => {
    const silent = worker('a', 0, hung);
    expect(decisions([silent, worker('b', 1)])).toEqual(['fork 0']);
    expect(decisions([silent, worker('b', 1), worker('c', 0, booting)])).toEqual([]);
    expect(decisions([silent, worker('b', 1), worker('c', 0, { readyAt: NOW })])).toEqual([
      'SIGABRT a: hangs: it sent no heartbeat',
    ]);
  });

  test('is aborted without a replacement when none is ready within the boot timeout', () => {
    const silent = worker('a', 0, { lastMessageAt: NOW - 45_001 });
    expect(decisions([silent, worker('b', 1)], { respawnAt: () => NOW + 1 })).toEqual([
      'SIGABRT a: hangs: it sent no heartbeat',
    ]);
  });

  test('but sends heartbeats again drains as the older of two', () => {
    expect(decisions([worker('a', 0), worker('b', 1), worker('c', 0)])).toEqual(['drain a: replaced']);
  });

  test('while it takes a snapshot is left alone', () => {
    expect(decisions([worker('a', 0, { ...hung, heartbeatPaused: true }), worker('b', 1)])).toEqual([]);
  });

  test('is not aborted because another one that hangs is in its slot', () => {
    expect(decisions([worker('a', 0, hung), worker('b', 1), worker('c', 0, hung)])).toEqual(['fork 0']);
  });
});

describe('a stopping worker', () => {
  test('is killed at its deadline', () => {
    const late = worker('c', 0, { phase: 'stopping', killAt: NOW });
    const expected = ['SIGKILL c: did not stop in time'];
    expect(decisions([worker('a', 0), worker('b', 1), late])).toEqual(expected);
    expect(decisions([late], { stopping: true })).toEqual(expected);
  });
});

describe('a reload', () => {
  const reload = { reloading: true, generation: 2 };
  const fresh = { generation: 2, readyAt: NOW - 1000 };

  test('forks one new worker at a time, by slot', () => {
    expect(decisions([worker('b', 1), worker('a', 0)], reload)).toEqual(['fork 0']);
    expect(
      decisions([worker('a', 0), worker('b', 1), worker('c', 0, { ...booting, generation: 2 })], reload),
    ).toEqual([]);
  });

  test('drains the old one when the new one has been ready for a second, and goes on', () => {
    const young = worker('c', 0, { generation: 2, readyAt: NOW - 999 });
    expect(decisions([worker('a', 0), worker('b', 1), young], reload)).toEqual([]);
    expect(decisions([worker('a', 0), worker('b', 1), worker('c', 0, fresh)], reload)).toEqual([
      'drain a: replaced',
    ]);
    expect(decisions([worker('a', 0, stopping), worker('b', 1), worker('c', 0, fresh)], reload)).toEqual([
      'fork 1',
    ]);
  });

  test('waits while a slot does not serve, and while too many are still stopping', () => {
    expect(decisions([worker('a', 0)], { ...reload, respawnAt: () => NOW + 1 })).toEqual([]);
    const many = [1, 2, 3].map((number) => worker(`old ${number}`, 0, stopping));
    expect(decisions([...many, worker('a', 0), worker('b', 1)], reload)).toEqual([]);
  });

  test('is done when every slot has a stable worker of the new generation, and no other', () => {
    const done = (workers: NamedWorker[]) => isReloaded({ ...FLEET, ...reload, workers });
    expect(done([worker('c', 0, fresh), worker('d', 1, fresh)])).toBe(true);
    expect(done([worker('c', 0, fresh), worker('d', 1, fresh), worker('a', 0, stopping)])).toBe(true);
    expect(done([worker('c', 0, fresh), worker('d', 1, fresh), worker('a', 0)])).toBe(false);
    expect(done([worker('c', 0, fresh), worker('d', 1, { ...fresh, readyAt: NOW - 999 })])).toBe(false);
    expect(done([worker('c', 0, fresh)])).toBe(false);
  });
});

describe('scaling down', () => {
  test('drains the highest slots, whatever their phase', () => {
    const workers = [worker('a', 0), worker('b', 1), worker('c', 2), worker('d', 2, booting)];
    expect(decisions(workers)).toEqual(['drain c: scaled down', 'drain d: scaled down']);
  });
});

describe('the time since when all are ready', () => {
  test('is that of the last one, and Infinity while one is not', () => {
    const since = (workers: NamedWorker[]) => allReadySince({ ...FLEET, workers });
    expect(since([worker('a', 0), worker('b', 1, { readyAt: NOW - 300 })])).toBe(NOW - 300);
    expect(since([worker('a', 0), worker('b', 1, booting)])).toBe(Infinity);
  });
});

describe('recycling', () => {
  test('a worker that an operator wants replaced does not have to be old', () => {
    const young = { readyAt: NOW - 500, recycleReason: REQUESTED };
    expect(decisions([worker('a', 0), worker('b', 1, young)])).toEqual(['fork 1']);
    const memory = { readyAt: NOW - 500, recycleReason: 'memory' };
    expect(decisions([worker('a', 0), worker('b', 1, memory)])).toEqual([]);
  });

  const due = { recycleReason: 'memory' };

  test('replaces one at a time, never while a slot does not serve', () => {
    expect(decisions([worker('a', 0, due), worker('b', 1, due)])).toEqual(['fork 0']);
    expect(decisions([worker('a', 0, due), worker('b', 1, booting)])).toEqual([]);
    expect(decisions([worker('a', 0, { ...due, readyAt: NOW - 9999 }), worker('b', 1)])).toEqual([]);
    expect(decisions([worker('a', 0, due), worker('b', 1)], { respawnAt: () => NOW + 1 })).toEqual([]);
  });

  test('is for memory after three heartbeats in a row, and for requests with a tenth more per slot', () => {
    const limits = { MAX_RSS_MB: 100, MAX_REQUESTS: 1000 };
    const cases = [
      [{ slot: 0, requests: 0, heartbeatsOverLimit: 2 }, undefined],
      [{ slot: 0, requests: 0, heartbeatsOverLimit: 3 }, 'memory'],
      [{ slot: 0, requests: 1001, heartbeatsOverLimit: 0 }, 'requests'],
      [{ slot: 1, requests: 1001, heartbeatsOverLimit: 0 }, undefined],
      [{ slot: 1, requests: 1101, heartbeatsOverLimit: 0 }, 'requests'],
    ] as const;
    for (const [use, reason] of cases) expect([use, recycleReasonOf(use, limits)]).toEqual([use, reason]);
    expect(
      recycleReasonOf({ slot: 0, requests: 1e9, heartbeatsOverLimit: 9 }, { MAX_RSS_MB: 0, MAX_REQUESTS: 0 }),
    ).toBeUndefined();
  });
});
