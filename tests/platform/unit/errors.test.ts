import { describe, expect, test } from '@jest/globals';
import { HttpError } from '../../../src/errors.ts';
import { CodedError, defineErrors, normalizeError } from '../../../src/platform/http/index.ts';

describe('error codes of an app', () => {
  test("stand beside the platform's", () => {
    const errors = defineErrors({ SOLD_OUT: [409, 'The item is sold out'] });
    expect(errors).toMatchObject({ SOLD_OUT: [409, 'The item is sold out'], NOT_FOUND: [404, 'Not found'] });
  });

  test('that the platform has already are refused by name', () => {
    const define = () =>
      defineErrors({ NOT_FOUND: [404, 'Gone'], FORBIDDEN: [403, 'No'], SOLD_OUT: [409, 'Sold out'] });
    expect(define).toThrow(
      'src/errors.ts: the platform defines NOT_FOUND, FORBIDDEN already; choose another name',
    );
  });

  test('are checked by the compiler, and keep their status, title and details', () => {
    // @ts-expect-error -- a misspelt code
    expect(() => new HttpError('NOT_FOUNT')).toThrow(TypeError);
    const error = new HttpError('LOGIN_REQUIRED', { detail: 'Try again.', headers: { 'Retry-After': '1' } });
    expect(normalizeError(error)).toBe(error);
    expect(error).toBeInstanceOf(CodedError);
    expect(error).toMatchObject({
      code: 'LOGIN_REQUIRED',
      status: 401,
      title: 'Log in first',
      message: 'Try again.',
      headers: { 'Retry-After': '1' },
    });
  });
});
