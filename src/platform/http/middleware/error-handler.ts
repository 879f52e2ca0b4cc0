import type { ErrorRequestHandler, RequestHandler } from 'express';
import { toError } from '../../observability/plain.ts';
import { HttpError, normalizeError, problemJson } from '../errors.ts';
import { errorPage } from '../html.ts';
import { compressed } from './compress.ts';

declare module 'http' {
  interface ServerResponse {
    /** The code of the error that was sent, for the access log. */
    problemCode?: string;
  }
}

/** Headers that the handler has set for its own response. */
const HANDLER_HEADERS = [
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
 * Turns each error of each route into problem+json, or into a page where a browser asks for one. It is logged once, on
 * the line of its request.
 *
 * @param options.exposeErrors - whether a 500 has its message and stack, for development only.
 */
export function errorHandler({ exposeErrors = false } = {}): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const error = normalizeError(thrown);
    res.problemCode = error.code;
    // The access log adds res.err, with its stack. A 4xx is the client's fault and needs no stack.
    if (error.status >= 500) res.err = toError(error.cause ?? error);
    if (res.headersSent) {
      // Part of another response is sent: only a cut connection shows the client that it is not complete.
      res.destroy();
      return;
    }
    // A route that is cached, and what runs in front of a route, leave it to this.
    void compressed(req, res, () => undefined);
    for (const name of HANDLER_HEADERS) res.removeHeader(name);
    res.set({ 'Cache-Control': 'no-store', ...error.headers }).status(error.status);
    if (req.accepts(['application/problem+json', 'json', 'html']) === 'html') {
      res.type('html').send(errorPage(error, req.id as string, exposeErrors ? thrown : undefined));
    } else {
      const json = problemJson(error, { requestId: req.id, url: req.originalUrl, exposeErrors });
      res.type('application/problem+json').send(json);
    }
    // Discards the rest of a body that a parser has begun to read: a client may send all of it before it reads the
    // response. RECEIVE_TIMEOUT_SECONDS limits it.
    req.resume();
  };
}
