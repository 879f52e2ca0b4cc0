import * as v from 'valibot';
import { messageOf as fieldMessageOf, pathOf } from '../config/schemas.ts';
import { messageOf, stackOf, toError } from '../observability/plain.ts';
import { isRedisAway } from '../redis/errors.ts';

// For all schemas of all routes, so that no response and no log repeats what a client sent.
v.setGlobalMessage(fieldMessageOf);

/** Error codes, each with its status and its title. */
export type ErrorTable = Readonly<Record<string, readonly [status: number, title: string]>>;

/**
 * The errors that the platform itself throws. Clients may rely on a code. Yours are in src/errors.ts.
 *
 * The first code of a status is the general one: errors of other packages that only have a status get it.
 */
const ERRORS = {
  BAD_REQUEST: [400, 'Bad request'],
  MALFORMED_JSON: [400, 'The JSON is not valid'],
  MALFORMED_URL: [400, 'The URL is not valid'],
  VALIDATION_FAILED: [400, 'The request has invalid fields'],
  LOGIN_REQUIRED: [401, 'Log in first'],
  FORBIDDEN: [403, 'Forbidden'],
  CROSS_SITE_REQUEST: [403, 'Refused: the request comes from another site'],
  HTTPS_REQUIRED: [403, 'Sessions need HTTPS'],
  NOT_FOUND: [404, 'Not found'],
  METHOD_NOT_ALLOWED: [405, 'Method not allowed'],
  NOT_ACCEPTABLE: [406, 'Not acceptable'],
  REQUEST_TIMEOUT: [408, 'The request took too long to arrive'],
  CONFLICT: [409, 'Conflict'],
  PRECONDITION_FAILED: [412, 'Precondition failed'],
  BODY_TOO_LARGE: [413, 'The body is too large'],
  URL_TOO_LONG: [414, 'The URL is too long'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Unsupported content type'],
  RANGE_NOT_SATISFIABLE: [416, 'Range not satisfiable'],
  UPGRADE_REQUIRED: [426, 'This is a WebSocket'],
  RATE_LIMITED: [429, 'Too many requests'],
  HEADERS_TOO_LARGE: [431, 'The request headers are too large'],
  INTERNAL: [500, 'Internal server error'],
  STORE_UNAVAILABLE: [503, 'The data store is not reachable'],
  DEADLINE_EXCEEDED: [503, 'The request took too long'],
  UNAVAILABLE: [503, 'Service unavailable'],
} as const satisfies ErrorTable;

/** A code of the platform. */
export type ErrorCode = keyof typeof ERRORS;

/**
 * Adds your error codes to the platform's.
 *
 * @throws {Error} when the platform has one of the codes already.
 */
export function defineErrors<const Own extends ErrorTable>(own: Own): typeof ERRORS & Own {
  const taken = Object.keys(own).filter((code) => Object.hasOwn(ERRORS, code));
  if (taken.length > 0) {
    throw new Error(`src/errors.ts: the platform defines ${taken.join(', ')} already; choose another name`);
  }
  return { ...ERRORS, ...own };
}

/** The general code of a 4xx status. */
function codeOfStatus(status: number): ErrorCode {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  return codes.find((code) => ERRORS[code][0] === status) ?? 'BAD_REQUEST';
}

/** What is wrong with one field of a request. */
export interface FieldError {
  /** The field's path, with dots: `address.city`. */
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions {
  /** What happened this time, for the client to read. Never put a secret or an internal name here. */
  readonly detail?: string;
  readonly fields?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log. */
  readonly cause?: unknown;
}

/** The base of all errors that become a response of their own: `instanceof` finds yours and the platform's. */
export class CodedError extends Error {
  override readonly name = 'HttpError';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly fields: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, [status, title]: ErrorTable[string], options: ProblemOptions = {}) {
    const { detail, fields, headers = {}, cause } = options;
    super(detail ?? title, { cause });
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.fields = fields;
    this.headers = headers;
  }
}

/** An error with a code of the platform. */
export class HttpError extends CodedError {
  constructor(code: ErrorCode, options?: ProblemOptions) {
    super(code, ERRORS[code], options);
  }
}

/** The data store is away: 503 with Retry-After. */
export function storeUnavailable(cause?: unknown): HttpError {
  return new HttpError('STORE_UNAVAILABLE', { headers: { 'Retry-After': '1' }, cause });
}

export interface ProblemContext {
  readonly requestId: unknown;
  readonly url?: string;
  /** Adds the message and the stack of a 5xx, for development. */
  readonly exposeErrors?: boolean;
}

/** The JSON of an error's response. @see https://www.rfc-editor.org/rfc/rfc9457 Problem Details for HTTP APIs */
export function problemJson(error: CodedError, { requestId, url, exposeErrors }: ProblemContext): string {
  const internal = exposeErrors && error.status >= 500 ? toError(error.cause ?? error) : undefined;
  return JSON.stringify({
    type: `urn:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: error.title,
    status: error.status,
    detail: error.detail ?? (internal && messageOf(internal)),
    instance: url?.split('?', 1)[0],
    requestId,
    code: error.code,
    errors: error.fields,
    stack: internal && stackOf(internal).split('\n'),
  });
}

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

/**
 * What was thrown, in a form that Express's `next` takes for an error: to it, anything falsy and the words `route` and
 * `router` mean "go on", which would let a request past the guard that threw them.
 */
export function thrownError(thrown: unknown): unknown {
  return thrown && thrown !== 'route' && thrown !== 'router' ? thrown : toError(thrown);
}
