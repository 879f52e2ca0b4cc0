import base from './jest.config.mjs';

// The long proofs: npm run test:soak. RELOADS shortens them (CI runs 5).
/** @type {import('jest').Config} */
export default {
  ...base,
  roots: ['<rootDir>/tests/soak'],
  testPathIgnorePatterns: [],
  testTimeout: 1_800_000,
  // One after the other: each wants the machine for itself.
  maxWorkers: 1,
};
