import { describe, expect, test } from '@jest/globals';
import express from 'express';
import type { PlatformConfig } from '../../../src/platform/config/settings.ts';
import { trustProxies } from '../../../src/platform/http/trusted-proxies.ts';

type Trusts = (address: string | undefined, hop: number) => boolean;

function trustOf(proxies: PlatformConfig['TRUST_PROXY'], { remembers }: { remembers: boolean }): Trusts {
  const app = express();
  if (remembers) trustProxies(app, proxies);
  else app.set('trust proxy', proxies);
  return app.get('trust proxy fn') as Trusts;
}

const ADDRESSES = [
  '127.0.0.1',
  '::1',
  '::ffff:10.1.2.3',
  '10.255.0.1',
  '11.0.0.1',
  'fe80::1%eth0',
  'no address',
  '',
  '1'.repeat(70),
];

describe('trustProxies', () => {
  test.each([false, 1, 2, ['loopback'], ['10.0.0.0/8', 'fc00::/7']] as const)(
    'trusts as Express does, the first time and later: %j',
    (setting) => {
      const proxies = typeof setting === 'object' ? [...setting] : setting;
      const express = trustOf(proxies, { remembers: false });
      const ours = trustOf(proxies, { remembers: true });
      for (const address of [...ADDRESSES, ...ADDRESSES])
        for (const hop of [0, 1, 2]) expect(ours(address, hop)).toBe(express(address, hop));
    },
  );

  test('trusts no address of a closed connection', () => {
    expect(trustOf(['loopback'], { remembers: true })(undefined, 0)).toBe(false);
  });

  test('goes on for more addresses than it remembers', () => {
    const trusts = trustOf(['10.0.0.0/8'], { remembers: true });
    for (let address = 0; address < 3000; address++) {
      expect(trusts(`10.0.${address >> 8}.${address & 255}`, 0)).toBe(true);
      expect(trusts(`11.0.${address >> 8}.${address & 255}`, 0)).toBe(false);
    }
  });
});
