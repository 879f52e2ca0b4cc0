import { availableParallelism } from 'node:os';

/**
 * Everything that starts no process of the app: `npm test`.
 *
 * @type {import('jest').Config}
 */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: [
    '/tests/platform/cluster/',
    '/tests/browser/',
    '/tests/scripts/',
    '/tests/template/',
    '/tests/soak/',
    '/tests/deploy/',
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  // Ends a test that hangs. What a test measures has a bound of its own.
  testTimeout: 60_000,
  // More than there are cores: the suites of a Redis that is down wait most of the time. Jest takes "200%" for 200 workers.
  maxWorkers: 2 * availableParallelism(),
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/platform/**/*.ts'],
  // The floor for test:coverage with a Redis, as reached. What starts and supervises processes is covered by test:cluster, in
  // processes of its own, and counts as uncovered here.
  coverageThreshold: { global: { statements: 91, branches: 95, functions: 90, lines: 91 } },
};
