import { expect, test } from '@jest/globals';
import { testConfig } from '../support/config.ts';

test('loads', () => {
  expect(testConfig().PORT).toBe(0);
});
