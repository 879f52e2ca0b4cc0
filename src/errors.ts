import { CodedError, defineErrors, type ProblemOptions } from './platform/http/index.ts';

/**
 * Your error codes, beside the platform's (platform/http/errors.ts): each with its status and its title. Clients may
 * rely on a code, so add new ones rather than renaming.
 */
export const ERRORS = defineErrors({
  // SOLD_OUT: [409, 'The item is sold out'],
  LOGIN_FAILED: [401, 'Wrong user name or password'],
});

/** A response with its own status and code. Throw it anywhere below a route: `new HttpError('NOT_FOUND', { detail })`. */
export class HttpError extends CodedError {
  constructor(code: keyof typeof ERRORS, options?: ProblemOptions) {
    super(code, ERRORS[code], options);
  }
}
