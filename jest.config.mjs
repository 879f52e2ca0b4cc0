/** Everything that starts no processes of the app: `npm test`. */
/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/tests/platform/cluster/', '/tests/scripts/', '/tests/deploy/', '/tests/soak/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testTimeout: 20_000,
  // Each Redis suite owns a redis-server: as many at a time as there are cores is the most that stays honest.
  maxWorkers: '100%',
};
