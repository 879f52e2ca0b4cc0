import { expect, test } from '@jest/globals';
import { limitKeyOf, readableAddress } from '../../../src/platform/http/client-address.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:50123', '192.0.2.1'],
  ['[2001:db8:1:2::1]:50123', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::2]', '2001:db8:1:2::/64'],
  ['[fe80::1%eth0]:1', 'fe80:0:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['not an address', 'not an address'],
])('the limit of %s is that of %s', (address, key) => {
  expect(limitKeyOf(address)).toBe(key);
});

test('what a proxy let through as an address makes no endless key', () => {
  expect(limitKeyOf('x'.repeat(10_000))).toHaveLength(64);
});

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
  ['::ffff:0:1', '::ffff:0:1'],
  [undefined, undefined],
])('%s is logged as %s', (address, text) => {
  expect(readableAddress(address)).toBe(text);
});
