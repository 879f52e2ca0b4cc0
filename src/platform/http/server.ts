import type { Express, Request, Response } from 'express';
import finalhandler from 'finalhandler';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { describe } from '../observability/plain.ts';
import { createServer, IncomingMessage, type Server, ServerResponse } from '../observability/node-http.ts';
import { rejectTarget, respondToClientErrors } from './client-errors.ts';
import { pipelining } from './pipelining.ts';
import { readTarget } from './target.ts';

/**
 * The HTTP server of an Express app, with every timeout set. It does not listen yet.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/http.html#httpcreateserveroptions-requestlistener
 */
export function createHttpServer(app: Express, limits: PlatformConfig, logger: Logger): Server {
  const { inTurn, responseOn } = pipelining(logger, handlerOf(app, logger));
  const server = createServer(
    {
      ...expressServerClasses(app),
      // Node's default of 30 s would let a slow client stay three times as long as HEADERS_TIMEOUT_SECONDS.
      connectionsCheckingInterval: 1000,
      headersTimeout: limits.HEADERS_TIMEOUT_SECONDS * 1000,
      requestTimeout: Math.max(limits.RECEIVE_TIMEOUT_SECONDS, limits.HEADERS_TIMEOUT_SECONDS) * 1000,
      keepAliveTimeout: limits.KEEP_ALIVE_TIMEOUT_SECONDS * 1000,
      // The app responds to a missing Host header, with problem+json and a log line.
      requireHostHeader: false,
    },
    inTurn,
  );
  // Node would drop those beyond 1,000, the one that a proxy added last among them. Their size is limited anyway.
  server.maxHeadersCount = 0;
  // Cuts a connection on which nothing moves in the middle of a request: a client that does not read its response would
  // occupy it, and its memory, forever. Twice what a request and a handler have, so that it ends none of theirs.
  server.timeout = 2 * Math.max(limits.RECEIVE_TIMEOUT_SECONDS, limits.REQUEST_TIMEOUT_SECONDS) * 1000;
  respondToClientErrors(server, logger, responseOn);
  // An expectation other than 100-continue may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  return server;
}

/**
 * Hands each request to the app once. A request that no route took, and an error that the error handler itself failed
 * with, get Express's default response: 404, or the error's status.
 */
function handlerOf(app: Express, logger: Logger) {
  const onerror = (err: unknown) => {
    logger.error({ err }, 'no error handler has responded to this error');
  };
  return (req: IncomingMessage, res: ServerResponse) => {
    if (!readTarget(req)) {
      rejectTarget(req, res, logger);
      return;
    }
    app(req as Request, res as Response, (thrown?: unknown) => {
      const respond = finalhandler(req, res, { env: app.get('env') as string, onerror });
      try {
        respond(thrown);
      } catch {
        // finalhandler reads the status and the headers of what was thrown, which may throw in turn.
        respond(new Error(describe(thrown)));
      }
    });
  };
}

/**
 * Express calls `Object.setPrototypeOf` on every request and response, which makes both slow objects to V8 before 13
 * (Node 20 and 22). With these classes they have that prototype from the start: bare Express is 4 times as fast on Node
 * 20, and 1.1 times on Node 24. Plain functions in place of the classes are a quarter slower.
 */
function expressServerClasses(app: Express) {
  class ExpressRequest extends IncomingMessage {}
  class ExpressResponse extends ServerResponse {}
  Object.setPrototypeOf(ExpressRequest.prototype, app.request);
  Object.setPrototypeOf(ExpressResponse.prototype, app.response);
  app.request = ExpressRequest.prototype as unknown as Request;
  app.response = ExpressResponse.prototype as unknown as Response;
  return { IncomingMessage: ExpressRequest, ServerResponse: ExpressResponse };
}
