import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import { messageOf, stackOf, toError } from '../../observability/thrown.ts';
import { errorPage } from '../error-page.ts';
import { type CodedError, HttpError, problemType } from '../errors.ts';
import { normalizeError } from '../normalize-error.ts';

declare module 'http' {
  interface ServerResponse {
    /** The code of the error this response tells, for the access log. */
    problemCode?: string;
  }
}

/** Headers that described the answer that was meant; they would be lies about the error that is sent instead. */
const HEADERS_OF_THE_ANSWER = [
  'Accept-Ranges',
  'Age',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Link',
  'X-Cache',
];

/** No route has this path. */
export function notFound(): RequestHandler {
  return () => {
    throw new HttpError('NOT_FOUND');
  };
}

/**
 * The central error handler: every error of every route ends here, is logged once (on the request's own line) and is
 * answered as problem+json, or as a page where a browser asks for one.
 *
 * @param options.exposeErrors - whether a 500 tells its message and stack, for development only.
 */
export function errorHandler({ exposeErrors = false } = {}): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const error = normalizeError(thrown);
    res.problemCode = error.code;
    // pino-http prints res.err, with its stack, on the request's line. A 4xx is the client's doing and needs no stack.
    if (error.status >= 500) res.err = toError(error.cause ?? error);
    if (res.headersSent) {
      // Half an answer is out. Cutting the connection is the one way left to say that it is not whole.
      res.destroy();
      return;
    }
    for (const name of HEADERS_OF_THE_ANSWER) res.removeHeader(name);
    res.set({ 'Cache-Control': 'no-store', ...error.headers }).status(error.status);
    if (req.accepts(['application/problem+json', 'json', 'html']) === 'html') {
      res.type('html').send(errorPage(error, req.id as string, exposeErrors ? thrown : undefined));
    } else {
      res.type('application/problem+json').send(JSON.stringify(problemDetails(error, req, exposeErrors)));
    }
    // A client may not read the answer before it has sent all of its body: that is thrown away, where a parser has begun
    // to read it and Node does not do so by itself. RECEIVE_TIMEOUT_SECONDS ends who takes too long.
    req.resume();
  };
}

/** The answer's JSON. @see https://www.rfc-editor.org/rfc/rfc9457#section-3 */
export function problemDetails(
  error: CodedError,
  req: Pick<Request, 'id' | 'originalUrl'>,
  exposeErrors: boolean,
) {
  const internal = exposeErrors && error.status >= 500 ? toError(error.cause ?? error) : undefined;
  return {
    type: problemType(error.code),
    title: error.title,
    status: error.status,
    detail: error.detail ?? (internal && messageOf(internal)),
    instance: req.originalUrl.split('?', 1)[0],
    requestId: req.id,
    code: error.code,
    errors: error.fields,
    stack: internal && stackOf(internal).split('\n'),
  };
}
