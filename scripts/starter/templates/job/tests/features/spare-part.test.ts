import { afterEach, expect, test } from '@jest/globals';
import { createTestApp, type TestApp } from '../support/test-app.ts';

let app: TestApp | undefined;
afterEach(() => app?.close());

test('spare-part runs', async () => {
  app = await createTestApp();
  const job = app.jobs.find(({ name }) => name === 'spare-part');
  await job?.run(new AbortController().signal, { fence: 7 });
  expect(app.log.lines).toContainEqual(expect.objectContaining({ run: 7, msg: 'spare-part done' }));
});
