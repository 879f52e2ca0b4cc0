import { afterEach, expect, test } from '@jest/globals';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let made: TestApp | undefined;
afterEach(async () => {
  await made?.close();
});

test('count-companies logs how many companies there are', async () => {
  made = await createTestApp();
  const job = made.jobs.find(({ name }) => name === 'count-companies');
  await job?.run(new AbortController().signal, { fence: 1 });
  const counted = await made.log.waitFor(1);
  expect(counted.at(-1)).toMatchObject({ msg: 'companies', total: 100 });
});
