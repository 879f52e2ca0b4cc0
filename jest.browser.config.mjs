import base from './jest.config.mjs';

/** The pages in a real browser: `npm run test:browser`. */
export default {
  ...base,
  roots: ['<rootDir>/tests/browser'],
  testPathIgnorePatterns: [],
  // One after the other: each suite has a Chromium and an app, and all take screenshots.
  maxWorkers: 1,
  testTimeout: 120_000,
};
