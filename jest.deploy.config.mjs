import base from './jest.config.mjs';

// Debian puts daemons where only root's PATH has them.
process.env.PATH += ':/usr/local/sbin:/usr/sbin:/sbin';

/** The files in deploy/, each run for real: `npm run test:deploy`. */
export default {
  ...base,
  testMatch: ['**/tests/deploy/**/*.test.ts'],
  testPathIgnorePatterns: [],
  // One after the other: each suite runs several daemons and loads them.
  maxWorkers: 1,
  testTimeout: 60_000,
  // A daemon that hangs fails its test; it must not keep the run from ending, too.
  forceExit: true,
};
