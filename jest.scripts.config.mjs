import base from './jest.config.mjs';

/** What package.json's own scripts do, the build and the benchmark: `npm run test:scripts`. */
export default {
  ...base,
  roots: ['<rootDir>/tests/scripts'],
  testPathIgnorePatterns: [],
  // One after the other: the benchmark measures.
  maxWorkers: 1,
};
