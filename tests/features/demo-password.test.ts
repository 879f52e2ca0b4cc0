import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inspectConfig, loadConfig } from '../../src/config.ts';
import { TEST_SECRET } from '../support/config.ts';

const noFile = '/nonexistent/.env';
const production = { NODE_ENV: 'production', STORE: 'memory', SESSION_SECRETS: TEST_SECRET };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
});
afterAll(() => rm(folder, { recursive: true }));

const passwordWith = (env: Record<string, string>) =>
  loadConfig(env, noFile, join(folder, 'secrets.json')).DEMO_PASSWORD;

test('is generated in development, and kept for the next start', () => {
  const first = passwordWith({});
  expect(first).toMatch(/^[\w-]{16}$/);
  expect(passwordWith({})).toBe(first);
  expect(passwordWith({ DEMO_PASSWORD: 'open sesame' })).toBe('open sesame');
});

test.each([production, { NODE_ENV: 'test' }])('is unset with %j', (env) => {
  expect(passwordWith(env)).toBeUndefined();
});

test('is refused in production', () => {
  const { problems } = inspectConfig({ ...production, DEMO_PASSWORD: 'long enough' }, noFile);
  expect(problems).toEqual([expect.stringMatching(/^DEMO_PASSWORD is for development only/)]);
});
