import * as v from 'valibot';
import { messageOf, pathOf } from '../config/schemas.ts';
import { toError } from '../observability/plain.ts';
import { isRedisAway } from '../redis/errors.ts';
import { CodedError, codeOfStatus, HttpError, storeUnavailable } from './errors.ts';

// For all schemas of all routes, so that no response and no log repeats what a client sent.
v.setGlobalMessage(messageOf);

/** Turns whatever was thrown into the error that is sent. What is not known becomes INTERNAL, a 500. */
export function normalizeError(thrown: unknown): CodedError {
  try {
    return knownError(thrown) ?? new HttpError('INTERNAL', { cause: toError(thrown) });
  } catch {
    // Reading a property of what was thrown throws.
    return new HttpError('INTERNAL', { cause: toError(thrown) });
  }
}

function knownError(cause: unknown): CodedError | undefined {
  if (cause instanceof CodedError) return cause;
  if (v.isValiError(cause)) {
    const fields = cause.issues.map((issue) => ({ field: pathOf(issue) || '(all)', message: issue.message }));
    return new HttpError('VALIDATION_FAILED', { fields, cause });
  }
  if (isRedisAway(cause)) return storeUnavailable(cause);
  if (cause instanceof URIError) return new HttpError('MALFORMED_URL', { cause });
  const { type, status, code } = Object(cause) as Record<string, unknown>;
  // body-parser's. @see https://github.com/expressjs/body-parser#errors
  if (type === 'entity.parse.failed') return new HttpError('MALFORMED_JSON', { cause });
  // http-errors' convention, of send, body-parser and router
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new HttpError(codeOfStatus(status), { cause });
  }
  // No descriptor is left for a file or a connection: others are freed with the next response.
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new HttpError('UNAVAILABLE', { headers: { 'Retry-After': '1' }, cause });
  }
  // zlib's, from a body that is not what its Content-Encoding says
  if (typeof code === 'string' && code.startsWith('Z_')) return new HttpError('BAD_REQUEST', { cause });
  return undefined;
}
