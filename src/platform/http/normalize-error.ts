import * as v from 'valibot';
import { messageOf, pathOf } from '../config/schemas.ts';
import { toError } from '../observability/thrown.ts';
import { isRedisAway } from '../redis/errors.ts';
import { CodedError, HttpError, storeUnavailable, type ErrorCode, type FieldError } from './errors.ts';

// Of every schema of every route, so that no answer and no log repeats what a client sent.
v.setGlobalMessage(messageOf);

/** What body-parser calls its errors. @see https://github.com/expressjs/body-parser#errors */
const BODY_PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  'encoding.unsupported': 'UNSUPPORTED_MEDIA_TYPE',
  'charset.unsupported': 'UNSUPPORTED_MEDIA_TYPE',
  'entity.parse.failed': 'MALFORMED_JSON',
  'entity.too.large': 'BODY_TOO_LARGE',
};

/** For errors of other libraries that carry a 4xx status (http-errors' convention: send, body-parser, router). */
const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'LOGIN_REQUIRED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  408: 'REQUEST_TIMEOUT',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  413: 'BODY_TOO_LARGE',
  414: 'URL_TOO_LONG',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  416: 'RANGE_NOT_SATISFIABLE',
  429: 'RATE_LIMITED',
  431: 'HEADERS_TOO_LARGE',
};

interface ThrownLike {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly status?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** Turns whatever was thrown into the error that is answered. What nobody foresaw becomes INTERNAL, a 500. */
export function normalizeError(thrown: unknown): CodedError {
  try {
    return knownError(thrown) ?? new HttpError('INTERNAL', { cause: toError(thrown) });
  } catch {
    // Something that can't even be looked at was thrown.
    return new HttpError('INTERNAL', { cause: toError(thrown) });
  }
}

function knownError(thrown: unknown): CodedError | undefined {
  if (thrown instanceof CodedError) return thrown;
  if (v.isValiError(thrown)) {
    return new HttpError('VALIDATION_FAILED', { fields: thrown.issues.map(fieldError), cause: thrown });
  }
  const { type, status, code } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as ThrownLike;
  if (isRedisAway(thrown)) return storeUnavailable(thrown);
  if (thrown instanceof URIError) return new HttpError('MALFORMED_URL', { cause: thrown });
  const parserCode = typeof type === 'string' ? BODY_PARSER_CODES[type] : undefined;
  if (parserCode) return new HttpError(parserCode, { cause: thrown });
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new HttpError(STATUS_CODES[status] ?? 'BAD_REQUEST', { cause: thrown });
  }
  // No descriptor is left for a file or a connection: others are freed with the next response.
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new HttpError('UNAVAILABLE', { headers: { 'Retry-After': '1' }, cause: thrown });
  }
  // zlib's errors, from a body whose Content-Encoding lies
  if (typeof code === 'string' && code.startsWith('Z_'))
    return new HttpError('BAD_REQUEST', { cause: thrown });
  return undefined;
}

function fieldError(issue: v.BaseIssue<unknown>): FieldError {
  return { field: pathOf(issue) || '(all)', message: issue.message };
}
