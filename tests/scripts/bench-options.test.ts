import { describe, expect, test } from '@jest/globals';
import { readOptions } from '../../bench/lib/options.mjs';
import { planLayers } from '../../bench/lib/plan-layers.mjs';
import { plan } from '../../bench/lib/plan.mjs';

test('without options, all rows and extras are measured in 7 rounds of 1 s', () => {
  const options = readOptions([]);
  expect(options).toMatchObject({
    kind: 'rows',
    json: false,
    rounds: 7,
    milliseconds: 1000,
    warmUpMs: 4000,
  });
  expect(options.only).toBeUndefined();
  expect([...options.extras]).toEqual(['start', 'memory', 'cluster', 'operations', 'nginx', 'overload']);
});

test('--quick is shorter, and what is said of rounds and seconds wins over it', () => {
  expect(readOptions(['--quick'])).toMatchObject({ rounds: 2, milliseconds: 400 });
  expect(readOptions(['--quick']).extras.size).toBe(0);
  const options = readOptions(['--quick', '--rounds=3', '--seconds', '0.2']);
  expect(options).toMatchObject({ rounds: 3, milliseconds: 200, warmUpMs: 400 });
});

test('--only takes rows and extras, layers with --layers, peers with --peers, or scales with --scale', () => {
  expect(readOptions(['--only=list,start']).only).toEqual(new Set(['list', 'start']));
  expect([...readOptions(['--only=list,start']).extras]).toEqual(['start']);
  expect(readOptions(['--layers', '--only=access-log']).only).toEqual(new Set(['access-log']));
  expect(readOptions(['--layers']).extras.size).toBe(0);
  expect(readOptions(['--peers', '--only=koa'])).toMatchObject({ kind: 'peers', only: new Set(['koa']) });
  expect(readOptions(['--peers']).extras.size).toBe(0);
  expect(readOptions(['--scale', '--only=routes'])).toMatchObject({
    kind: 'scale',
    only: new Set(['routes']),
  });
  expect(readOptions(['--scale']).extras.size).toBe(0);
});

test('--svg takes a file for rows, for peers and for scales', () => {
  expect(readOptions(['--peers', '--svg=peers.svg']).svg).toBe('peers.svg');
  expect(readOptions(['--svg=rows.svg']).svg).toBe('rows.svg');
  expect(readOptions(['--scale', '--svg=scales.svg']).svg).toBe('scales.svg');
});

describe('what there is not is refused in one line that tells how to fix it:', () => {
  test.each([
    [['--round=3'], '--round is no option: npm run bench -- --help tells what there is'],
    [['proxied'], '"proxied" is no option'],
    [['--quick=yes'], '--quick takes no value'],
    [['--only'], '--only needs a value, --only=IDS'],
    [['--only='], '--only needs a value, --only=IDS'],
    [['--only=proxied,nope'], 'there is no "nope", but bare, node, usual, proxied'],
    [['--layers', '--only=nope'], 'there is no "nope", but empty, server'],
    [['--only=access-log'], '"access-log" is one of the layers: add --layers'],
    [['--only=koa'], '"koa" is one of the peers: add --peers'],
    [['--layers', '--only=proxied'], '"proxied" is one of the rows: leave out --layers'],
    [['--peers', '--only=start'], '"start" is one of the rows: leave out --peers'],
    [['--only=routes'], '"routes" is one of the scales: add --scale'],
    [['--scale', '--only=list'], '"list" is one of the rows: leave out --scale'],
    [['--peers', '--layers'], '--layers and --peers are two runs'],
    [['--scale', '--peers'], '--peers and --scale are two runs'],
    [['--layers', '--svg=rows.svg'], 'leave out --svg or --layers'],
    [['--seconds=0'], '--seconds must be a number from 0.1 to 60, not "0"'],
    [['--seconds=1e9'], '--seconds must be a number from 0.1 to 60, not "1e9"'],
  ])('%j', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });

  test.each(['0', '101', '-1', '2.5', '1e1', ' 3', 'many'])('--rounds=%s', (rounds) => {
    const message = `--rounds must be a whole number from 1 to 100, not "${rounds}"`;
    expect(() => readOptions([`--rounds=${rounds}`])).toThrow(message);
  });

  test.each([1, 100])('but not --rounds=%d', (rounds) => {
    expect(readOptions([`--rounds=${rounds}`]).rounds).toBe(rounds);
  });
});

describe('a run takes along', () => {
  const ids = ({ rows }: { rows: readonly { id: string }[] }) => rows.map(({ id }) => id);

  test('what its rows are compared to, and no more', () => {
    expect(ids(plan(readOptions(['--only=proxied'])))).toEqual(['bare', 'proxied']);
    expect(ids(plan(readOptions(['--only=session'])))).toEqual(['bare', 'usual-session', 'session']);
  });

  test('for each layer what it is compared to, first, and the usual package', () => {
    const { plans } = planLayers(readOptions(['--layers', '--only=context,security-headers']));
    expect(plans.map(ids)).toEqual([
      ['bare', 'access-log', 'context'],
      ['bare', 'settings', 'security-headers', 'usual-security-headers'],
    ]);
    expect(plans.map(({ compared }) => [...compared][0])).toEqual(['access-log', 'settings']);
  });

  test('Redis and nginx only where they are needed', () => {
    expect(plan(readOptions(['--only=node,usual,bare-list,start'])).packages).toEqual([]);
    expect(plan(readOptions(['--only=proxied'])).packages).toEqual(['redis-server']);
    expect(plan(readOptions(['--only=overload'])).packages).toEqual(['redis-server']);
    expect(plan(readOptions(['--only=memory'])).packages).toEqual(['redis-server']);
    expect(plan(readOptions([])).packages).toEqual(expect.arrayContaining(['redis-server', 'nginx']));
    expect(planLayers(readOptions(['--layers', '--only=session,cache'])).packages).toEqual([]);
    expect(planLayers(readOptions(['--layers'])).packages).toEqual(['redis-server']);
  });
});
