import { expect, test } from '@jest/globals';
import { parseRedisUrl } from '../../../src/platform/config/redis-url.ts';

test.each([
  ['redis://localhost', { kind: 'single', tls: false, host: 'localhost', port: 6379, db: 0 }],
  ['redis://10.0.0.1:7000/3', { kind: 'single', tls: false, host: '10.0.0.1', port: 7000, db: 3 }],
  ['redis://[::1]:7000', { kind: 'single', tls: false, host: '::1', port: 7000, db: 0 }],
  ['rediss://:p%40ss@h', { kind: 'single', tls: true, host: 'h', port: 6379, db: 0, password: 'p@ss' }],
  [
    'redis://app:a:b@h',
    { kind: 'single', tls: false, host: 'h', port: 6379, db: 0, username: 'app', password: 'a:b' },
  ],
  ['unix:///run/redis.sock', { kind: 'unix', path: '/run/redis.sock', db: 0 }],
  [
    'unix://app:pw@/run/redis.sock?db=2',
    { kind: 'unix', path: '/run/redis.sock', db: 2, username: 'app', password: 'pw' },
  ],
  [
    'redis+sentinel://:pw@a:26379,b/mymaster/1',
    {
      kind: 'sentinel',
      tls: false,
      master: 'mymaster',
      db: 1,
      password: 'pw',
      sentinels: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26379 },
      ],
    },
  ],
  [
    'redis+sentinel://app:pw@a/mymaster?sentinel=watch:p%40ss',
    {
      kind: 'sentinel',
      tls: false,
      master: 'mymaster',
      db: 0,
      username: 'app',
      password: 'pw',
      sentinels: [{ host: 'a', port: 26379 }],
      sentinelLogin: { username: 'watch', password: 'p@ss' },
    },
  ],
  [
    'rediss+sentinel://a/mymaster/2?sentinel=:pw',
    {
      kind: 'sentinel',
      tls: true,
      master: 'mymaster',
      db: 2,
      sentinels: [{ host: 'a', port: 26379 }],
      sentinelLogin: { password: 'pw' },
    },
  ],
  [
    'rediss+cluster://a:7000,b:7001',
    {
      kind: 'cluster',
      tls: true,
      nodes: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
      ],
    },
  ],
])('%s is read', (url, expected) => {
  expect(parseRedisUrl(url)).toEqual(expected);
});

test.each([
  'localhost:6379',
  'http://localhost',
  'redis://',
  'redis://host:0',
  'redis://host:65536',
  'redis://host/name',
  'redis://host?db=3',
  'redis+sentinel://host/mymaster/2/3',
  'redis+sentinel://host/mymaster?password=x',
  'redis+sentinel://host/mymaster?sentinel=:x&db=1',
  'redis+sentinel://host/mymaster?sentinel=:%',
  'redis+cluster://host?sentinel=:x',
  'unix:///run/a.sock?sentinel=:x',
  'redis://host:port',
  'redis://a,b',
  'redis://us%er:pw@host',
  'redis://ho st',
  'unix://relative.sock',
  'unix:///',
  'unix:///run/a.sock?db=x',
  'redis+sentinel://a:26379',
  'redis+cluster://a:7000/1',
  '',
])('%s is refused', (url) => {
  expect(() => parseRedisUrl(url)).toThrow();
});

test('an error never repeats the URL, which may hold a password', () => {
  let message = '';
  try {
    parseRedisUrl('redis://app:sekrit@ho st');
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toContain('host');
  expect(message).not.toContain('sekrit');
});
