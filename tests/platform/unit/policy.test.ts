import { describe, expect, test } from '@jest/globals';
import {
  decide,
  isReloaded,
  nextDeadline,
  recycleReasonOf,
  type FleetView,
  type WorkerView,
} from '../../../src/platform/supervisor/policy.ts';

const LIMITS = { bootMs: 30_000, hangMs: 15_000, stableMs: 1000, minUptimeMs: 10_000 };
const NOW = 1_000_000;

interface NamedWorker extends WorkerView {
  readonly name: string;
}

/** A worker that has served for a minute, unless said otherwise. */
function worker(name: string, slot: number, changes: Partial<WorkerView> = {}): NamedWorker {
  return {
    name,
    slot,
    generation: 1,
    phase: 'ready',
    forkedAt: NOW - 61_000,
    readyAt: NOW - 60_000,
    beatAt: NOW - 500,
    heartbeatPaused: false,
    recycleReason: undefined,
    killAt: Infinity,
    ...changes,
  };
}

const booting = { phase: 'booting', readyAt: Infinity, forkedAt: NOW - 100, beatAt: NOW - 100 } as const;
const leaving = { phase: 'leaving', killAt: NOW + 10_000 } as const;
const hung = { beatAt: NOW - 15_001 } as const;

function decisions(workers: NamedWorker[], fleet: Partial<FleetView<NamedWorker>> = {}): string[] {
  const view = {
    workers,
    target: 2,
    generation: 1,
    reloading: false,
    stopping: false,
    everReady: true,
    respawnAt: () => 0,
    ...fleet,
  };
  return decide(view, NOW, LIMITS).map((action) => {
    if (action.type === 'fork') return `fork ${action.slot}`;
    if (action.type === 'drain') return `drain ${action.worker.name}: ${action.reason}`;
    return `${action.signal} ${action.worker.name}: ${action.reason}`;
  });
}

describe('a fleet that is whole', () => {
  test('is left alone', () => {
    expect(decisions([worker('a', 0), worker('b', 1)])).toEqual([]);
    expect(decisions([worker('a', 0), worker('b', 1), worker('c', 1, leaving)])).toEqual([]);
  });
});

describe('the start', () => {
  test('sends one ahead, and the others when it has proven the code', () => {
    expect(decisions([], { everReady: false })).toEqual(['fork 0']);
    expect(decisions([worker('a', 0, booting)], { everReady: false })).toEqual([]);
    expect(decisions([worker('a', 0)], { target: 4 })).toEqual(['fork 1', 'fork 2', 'fork 3']);
  });

  test('kills what does not get ready in time', () => {
    const slow = worker('a', 0, { ...booting, forkedAt: NOW - 30_001 });
    expect(decisions([slow, worker('b', 1)])).toEqual(['SIGKILL a: was not ready in time']);
  });
});

describe('a slot that lost its worker', () => {
  test('gets another one, when it is time', () => {
    expect(decisions([worker('b', 1)])).toEqual(['fork 0']);
    expect(decisions([worker('b', 1)], { respawnAt: () => NOW + 1 })).toEqual([]);
    expect(decisions([worker('b', 1), worker('a', 0, leaving)])).toEqual(['fork 0']);
  });
});

describe('a worker that hangs', () => {
  test('is replaced first, then aborted', () => {
    const silent = worker('a', 0, hung);
    expect(decisions([silent, worker('b', 1)])).toEqual(['fork 0']);
    expect(decisions([silent, worker('b', 1), worker('c', 0, booting)])).toEqual([]);
    expect(decisions([silent, worker('b', 1), worker('c', 0, { readyAt: NOW })])).toEqual([
      'SIGABRT a: hangs: it gave no sign of life',
    ]);
  });

  test('is aborted without a replacement when none can be had in the time of a boot', () => {
    const silent = worker('a', 0, { beatAt: NOW - 45_001 });
    expect(decisions([silent, worker('b', 1)], { respawnAt: () => NOW + 1 })).toEqual([
      'SIGABRT a: hangs: it gave no sign of life',
    ]);
  });

  test('but beats again drains as the elder of two', () => {
    expect(decisions([worker('a', 0), worker('b', 1), worker('c', 0)])).toEqual(['drain a: replaced']);
  });

  test('because it was asked for something long is left alone', () => {
    expect(decisions([worker('a', 0, { ...hung, heartbeatPaused: true }), worker('b', 1)])).toEqual([]);
  });

  test('is not aborted because another one that hangs is in its slot', () => {
    expect(decisions([worker('a', 0, hung), worker('b', 1), worker('c', 0, hung)])).toEqual(['fork 0']);
  });
});

describe('a worker on its way out', () => {
  test('is killed when its time is over', () => {
    const late = worker('c', 0, { phase: 'leaving', killAt: NOW });
    const expected = ['SIGKILL c: did not leave in time'];
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
    expect(decisions([worker('a', 0, leaving), worker('b', 1), worker('c', 0, fresh)], reload)).toEqual([
      'fork 1',
    ]);
  });

  test('waits while a slot does not serve, and while too many are still leaving', () => {
    expect(decisions([worker('a', 0)], { ...reload, respawnAt: () => NOW + 1 })).toEqual([]);
    const many = [1, 2, 3].map((number) => worker(`old ${number}`, 0, leaving));
    expect(decisions([...many, worker('a', 0), worker('b', 1)], reload)).toEqual([]);
  });

  test('is done when every slot has a proven worker of the new generation, and no other', () => {
    const view = {
      target: 2,
      generation: 2,
      reloading: true,
      stopping: false,
      everReady: true,
      respawnAt: () => 0,
    };
    const done = (workers: NamedWorker[]) => isReloaded({ ...view, workers }, NOW, LIMITS);
    expect(done([worker('c', 0, fresh), worker('d', 1, fresh)])).toBe(true);
    expect(done([worker('c', 0, fresh), worker('d', 1, fresh), worker('a', 0, leaving)])).toBe(true);
    expect(done([worker('c', 0, fresh), worker('d', 1, fresh), worker('a', 0)])).toBe(false);
    expect(done([worker('c', 0, fresh), worker('d', 1, { ...fresh, readyAt: NOW - 999 })])).toBe(false);
    expect(done([worker('c', 0, fresh)])).toBe(false);
  });
});

describe('scaling down', () => {
  test('drains the highest slots, whatever they are doing', () => {
    const workers = [worker('a', 0), worker('b', 1), worker('c', 2), worker('d', 2, booting)];
    expect(decisions(workers)).toEqual(['drain c: scaled down', 'drain d: scaled down']);
  });
});

describe('recycling', () => {
  const worn = { recycleReason: 'memory' };

  test('replaces one at a time, never while a slot does not serve', () => {
    expect(decisions([worker('a', 0, worn), worker('b', 1, worn)])).toEqual(['fork 0']);
    expect(decisions([worker('a', 0, worn), worker('b', 1, booting)])).toEqual([]);
    expect(decisions([worker('a', 0, { ...worn, readyAt: NOW - 9999 }), worker('b', 1)])).toEqual([]);
    expect(decisions([worker('a', 0, worn), worker('b', 1)], { respawnAt: () => NOW + 1 })).toEqual([]);
  });

  test('is for memory after three beats in a row, and for requests with a tenth more a slot', () => {
    const limits = { MAX_RSS_MB: 100, MAX_REQUESTS: 1000 };
    const cases = [
      [{ slot: 0, requests: 0, heavyBeats: 2 }, undefined],
      [{ slot: 0, requests: 0, heavyBeats: 3 }, 'memory'],
      [{ slot: 0, requests: 1001, heavyBeats: 0 }, 'requests'],
      [{ slot: 1, requests: 1001, heavyBeats: 0 }, undefined],
      [{ slot: 1, requests: 1101, heavyBeats: 0 }, 'requests'],
    ] as const;
    for (const [use, reason] of cases) expect([use, recycleReasonOf(use, limits)]).toEqual([use, reason]);
    expect(
      recycleReasonOf({ slot: 0, requests: 1e9, heavyBeats: 9 }, { MAX_RSS_MB: 0, MAX_REQUESTS: 0 }),
    ).toBeUndefined();
  });
});

describe('the next deadline', () => {
  test('is the first of: a kill, a proof, a respawn', () => {
    const view = { target: 2, generation: 1, reloading: false, stopping: false, everReady: true };
    const next = (workers: NamedWorker[], respawnAt = 0) =>
      nextDeadline({ ...view, workers, respawnAt: () => respawnAt }, NOW, LIMITS) - NOW;
    expect(next([worker('a', 0)])).toBe(Infinity);
    expect(next([worker('a', 0, { readyAt: NOW - 300 })])).toBe(700);
    expect(next([worker('a', 0, { ...leaving, killAt: NOW + 50 })], NOW + 400)).toBe(50);
    expect(next([worker('a', 0)], NOW + 400)).toBe(400);
  });
});
