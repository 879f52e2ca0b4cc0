import { toError } from '../observability/thrown.ts';

/**
 * Every error a client can see: its code, which clients may rely on, its status and its title. Add yours here.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457 Problem Details for HTTP APIs
 */
export const ERRORS = {
  BAD_REQUEST: [400, 'Bad request'],
  MALFORMED_JSON: [400, 'The JSON is not valid'],
  MALFORMED_URL: [400, 'The URL is not valid'],
  VALIDATION_FAILED: [400, 'The request has invalid fields'],
  LOGIN_REQUIRED: [401, 'Log in first'],
  LOGIN_FAILED: [401, 'Wrong user name or password'],
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
  RATE_LIMITED: [429, 'Too many requests'],
  HEADERS_TOO_LARGE: [431, 'The request headers are too large'],
  INTERNAL: [500, 'Internal server error'],
  STORE_UNAVAILABLE: [503, 'The data store is not reachable'],
  DEADLINE_EXCEEDED: [503, 'The request took too long'],
  UNAVAILABLE: [503, 'Service unavailable'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ErrorCode = keyof typeof ERRORS;

/** The URI that stands for an error code in a problem's `type`. */
export function problemType(code: ErrorCode): string {
  return `urn:problem:${code.toLowerCase().replaceAll('_', '-')}`;
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
  /** What it was caused by, for the log. */
  readonly cause?: unknown;
}

/** An error that is answered with its own status and code. Throw it anywhere below a route. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly fields: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, { detail, fields, headers = {}, cause }: ProblemOptions = {}) {
    const [status, title] = ERRORS[code];
    super(detail ?? title, { cause });
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.fields = fields;
    this.headers = headers;
  }
}

/**
 * What was thrown, in a form that Express's `next` takes for an error: anything falsy and the words `route` and
 * `router` mean "go on" to it, and would let a request past the guard that threw them.
 */
export function thrownError(thrown: unknown): unknown {
  if (thrown && thrown !== 'route' && thrown !== 'router') return thrown;
  return toError(thrown);
}

/** The data store is away: 503, and when to come back. */
export function storeUnavailable(cause?: unknown): HttpError {
  return new HttpError('STORE_UNAVAILABLE', { headers: { 'Retry-After': '1' }, cause });
}
