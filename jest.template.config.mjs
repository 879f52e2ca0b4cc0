import base from './jest.config.mjs';

/** What `npm run init` makes of this template: `npm run test:template`. PARTS=all tries each part alone, and takes an hour. */
export default {
  ...base,
  roots: ['<rootDir>/tests/template'],
  testPathIgnorePatterns: [],
  testTimeout: 600_000,
  // One after the other: each compiles and lints a copy.
  maxWorkers: 1,
};
