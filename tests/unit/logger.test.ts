import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { createLogger } from '../../src/runtime/logger.ts';
import { LogLines } from '../support/http.ts';

/** What the log says when it is given this. */
function logged(fields: object): Record<string, unknown> {
  const log = new LogLines();
  createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, log).info(fields, 'text');
  return log.lines[0] ?? {};
}

describe('never reaches the log:', () => {
  test.each([
    { password: 'sekrit' },
    { user: { passwordHash: 'sekrit' } },
    { token: 'sekrit', refresh_token: 'sekrit' },
    { oauth: { accessToken: 'sekrit' } },
    { headers: { authorization: 'sekrit', cookie: 'sekrit', 'set-cookie': ['sekrit'] } },
    { req: { headers: { 'proxy-authorization': 'sekrit' } } },
  ])('%j', (fields) => {
    const line = JSON.stringify(logged(fields));
    expect(line).not.toContain('sekrit');
    expect(line).toContain('[redacted]');
  });

  test('what a command of ioredis carried when it failed', () => {
    const command = { name: 'set', args: ['app:session:sekrit', '{"user":"sekrit"}'] };
    const failed = Object.assign(new Error('OOM command not allowed'), { command });
    const ofNode = Object.assign(new Error('no node took it'), { lastNodeError: failed });
    const ofAll = new AggregateError([failed], 'all failed');
    for (const err of [failed, ofNode, ofAll, new Error('outer', { cause: failed })]) {
      const line = logged({ err });
      expect(JSON.stringify(line)).not.toContain('sekrit');
      expect(line.err).toMatchObject({
        type: expect.any(String),
        stack: expect.stringContaining('logger.test'),
      });
    }
    expect(logged({ err: failed }).err).toMatchObject({ command: 'set' });
  });

  test('what was wrong when it was validated, which is in each issue of the error', () => {
    const input = { user: { name: 'sekrit', age: 'sekrit' } };
    const schema = v.object({ user: v.object({ age: v.number('must be a number') }) });
    let failed: unknown;
    try {
      v.parse(schema, input);
    } catch (error) {
      failed = error;
    }
    const inner = Object.assign(new Error('the job failed'), { reason: failed });
    const ofAll = new AggregateError([failed], 'all failed');
    for (const err of [failed, inner, ofAll, new Error('outer', { cause: failed })]) {
      expect(JSON.stringify(logged({ err }))).not.toContain('sekrit');
    }
    expect(logged({ err: failed }).err).toMatchObject({ issues: ['user.age must be a number'] });
  });
});

test('something thrown that is no Error is logged as it is', () => {
  expect(logged({ err: 'text' }).err).toBe('text');
});
