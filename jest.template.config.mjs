import base from './jest.config.mjs';

if (process.argv.includes('--all')) process.env.TEMPLATE_CASES = 'all';

/**
 * What `npm run init` and `update` make of this template: `npm run test:template`. With `-- --all` each part alone and ten
 * combinations, each with all of its tests: more than an hour, for every night.
 */
export default {
  ...base,
  roots: ['<rootDir>/tests/template'],
  testPathIgnorePatterns: [],
  testTimeout: 1_200_000,
  // One after the other: each compiles and lints a copy.
  maxWorkers: 1,
};
