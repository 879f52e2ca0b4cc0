import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { normalizeError } from '../../../src/platform/http/errors.ts';
import { isRedisAway } from '../../../src/platform/redis/errors.ts';

describe('a Redis that is away is a 503, whatever ioredis calls it:', () => {
  test.each([
    'Command timed out',
    'Connection is closed.',
    "Stream isn't writeable and enableOfflineQueue options is false",
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    'NOREPLICAS Not enough good replicas to write.',
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    'NOPERM No permissions to access a key',
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    'LOADING Redis is loading the dataset in memory',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'CLUSTERDOWN The cluster is down',
    "Cluster isn't ready and enableOfflineQueue options is false",
    'All sentinels are unreachable. Retrying from scratch after 10ms.',
    'Failed to refresh slots cache.',
    'None of startup nodes is available',
  ])('%s', (message) => {
    expect(normalizeError(new Error(message))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      status: 503,
      headers: { 'Retry-After': expect.any(String) },
    });
  });

  test('but a Redis that answers that a command is wrong is there', () => {
    const wrong = new Error('WRONGTYPE Operation against a key holding the wrong kind of value');
    expect(isRedisAway(wrong)).toBe(false);
    expect(normalizeError(wrong)).toMatchObject({ code: 'INTERNAL', status: 500 });
  });
});

test('what valibot throws names each field with what is wrong, never with the value', () => {
  const schema = v.object({ list: v.array(v.object({ pin: v.pipe(v.string(), v.maxLength(4)) })) });
  let thrown: unknown;
  try {
    v.parse(schema, { list: [{ pin: '1234' }, { pin: 12345 }, { pin: 'sekrit' }, {}] });
  } catch (error) {
    thrown = error;
  }
  const error = normalizeError(thrown);
  expect(error).toMatchObject({ code: 'VALIDATION_FAILED', status: 400 });
  expect(error.fields).toEqual([
    { field: 'list.1.pin', message: 'must be a string' },
    { field: 'list.2.pin', message: 'is not valid (max length <=4)' },
    { field: 'list.3.pin', message: 'is missing' },
  ]);
});

test('what is wrong with the whole has a field of its own', () => {
  const { issues } = v.safeParse(v.number(), 'sekrit');
  expect(issues && normalizeError(new v.ValiError(issues)).fields).toEqual([
    { field: '(all)', message: 'must be a number' },
  ]);
});

test.each([
  [Object.assign(new Error('no'), { status: 418 }), 'BAD_REQUEST'],
  [Object.assign(new Error('no'), { status: 412 }), 'PRECONDITION_FAILED'],
  [Object.assign(new Error('no'), { status: 200 }), 'INTERNAL'],
  [Object.assign(new Error('no'), { code: 'Z_DATA_ERROR' }), 'BAD_REQUEST'],
  [new URIError('URI malformed'), 'MALFORMED_URL'],
  ['text', 'INTERNAL'],
  [null, 'INTERNAL'],
  [undefined, 'INTERNAL'],
])('%p becomes %s', (thrown, code) => {
  expect(normalizeError(thrown).code).toBe(code);
});
