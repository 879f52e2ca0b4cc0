import { describe, expect, test } from '@jest/globals';
import { isRedisAway, normalizeError } from '../../src/http/normalize-error.ts';

describe('a Redis that is away is a 503, whatever ioredis calls it:', () => {
  test.each([
    'Command timed out',
    'Connection is closed.',
    "Stream isn't writeable and enableOfflineQueue options is false",
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    'NOREPLICAS Not enough good replicas to write.',
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
