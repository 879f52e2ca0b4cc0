import base from './jest.config.mjs';

/** The built app as processes: `npm run test:cluster`. */
export default {
  ...base,
  roots: ['<rootDir>/tests/platform/cluster'],
  testPathIgnorePatterns: [],
};
