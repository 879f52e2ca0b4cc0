import { expect, test } from '@jest/globals';
import { publicReason } from '../../../src/platform/redis/errors.ts';

const refusal = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
const LONG =
  'AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?';

test.each([
  [`ERR ${LONG}`, LONG],
  [
    "ERR This connection can't be used while it's in another mode",
    "This connection can't be used while it's in another mode",
  ],
  [
    "ERR unknown command 'EVAL', with args beginning with: 'app:check:1' 'x'",
    'unknown command …, with args beginning with: … …',
  ],
  ['NOPERM User limited has no permissions to access a key', 'NOPERM'],
  ['ERR no quotes at all', 'no quotes at all'],
])("what anybody may see of Redis' refusal %j is whole, without what it quotes", (message, reason) => {
  expect(publicReason(refusal(message))).toBe(reason);
});

test('an error of the connection is its code', () => {
  expect(publicReason(Object.assign(new Error('connect to 10.0.0.5'), { code: 'ECONNREFUSED' }))).toBe(
    'ECONNREFUSED',
  );
  expect(publicReason(new Error('at 10.0.0.5'))).toBe('unreachable');
});
