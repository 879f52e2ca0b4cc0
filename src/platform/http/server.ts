import { createServer, IncomingMessage, ServerResponse, type RequestListener, type Server } from 'node:http';
import type { Express, Request, Response } from 'express';
import finalhandler from 'finalhandler';
import type { PlatformConfig } from '../config/settings.ts';
import type { Logger } from '../observability/logger.ts';
import { describe } from '../observability/thrown.ts';
import { respondToClientErrors, refuseTarget } from './client-errors.ts';
import { pipelining } from './pipelining.ts';
import { readTarget } from './target.ts';

type Limits = Pick<
  PlatformConfig,
  | 'HEADERS_TIMEOUT_SECONDS'
  | 'RECEIVE_TIMEOUT_SECONDS'
  | 'REQUEST_TIMEOUT_SECONDS'
  | 'KEEP_ALIVE_TIMEOUT_SECONDS'
>;

/**
 * How often Node looks for connections past their headers or receive timeout. Its default of 30 s would let a slow
 * client stay three times as long as HEADERS_TIMEOUT_SECONDS says.
 */
const CONNECTIONS_CHECKING_INTERVAL_MS = 1000;

/**
 * The HTTP server of an Express app, with every timeout set. It does not listen yet.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/http.html#httpcreateserveroptions-requestlistener
 */
export function createHttpServer(app: Express, limits: Limits, logger: Logger): Server {
  const server = createServer(
    {
      ...expressServerClasses(app),
      connectionsCheckingInterval: CONNECTIONS_CHECKING_INTERVAL_MS,
      headersTimeout: limits.HEADERS_TIMEOUT_SECONDS * 1000,
      requestTimeout: Math.max(limits.RECEIVE_TIMEOUT_SECONDS, limits.HEADERS_TIMEOUT_SECONDS) * 1000,
      keepAliveTimeout: limits.KEEP_ALIVE_TIMEOUT_SECONDS * 1000,
      // A missing Host header is answered by the app, as a problem with a log line.
      requireHostHeader: false,
    },
    listenerOf(app, logger),
  );
  // Node would drop those beyond 1,000 without a word, be it the one a proxy added last. Their size is limited anyway.
  server.maxHeadersCount = 0;
  server.timeout = silenceMs(limits);
  respondToClientErrors(server, logger);
  // An expectation other than 100-continue may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  return server;
}

/**
 * How long nothing may move on a connection in the middle of a request, in milliseconds. A client that does not read
 * its answer would keep it, and the memory it takes, forever. Twice what a request and a handler have, so that it ends
 * none of theirs.
 */
function silenceMs({ RECEIVE_TIMEOUT_SECONDS, REQUEST_TIMEOUT_SECONDS }: Limits): number {
  return 2 * Math.max(RECEIVE_TIMEOUT_SECONDS, REQUEST_TIMEOUT_SECONDS) * 1000;
}

/**
 * Hands each request to the app once. What the app leaves without a response, and what its error handler fails with,
 * gets Express's own last word: 404, or the error's status.
 */
function listenerOf(app: Express, logger: Logger): RequestListener {
  const wait = pipelining(logger);
  const onerror = (err: unknown) => {
    logger.error({ err }, 'no error handler has responded to this error');
  };
  const handle = (req: IncomingMessage, res: ServerResponse) => {
    if (!readTarget(req)) {
      refuseTarget(req, res, logger);
      return;
    }
    const answer = finalhandler(req, res, { env: app.get('env') as string, onerror });
    const lastWord = (thrown?: unknown) => {
      try {
        answer(thrown);
      } catch {
        // Something that can't be looked at was thrown: finalhandler reads its status and its headers.
        answer(new Error(describe(thrown)));
      }
    };
    app(req as Request, res as Response, lastWord);
  };
  return (req, res) => {
    // Node gives a response the socket when its turn has come: with nearly all, that is at once.
    if (res.socket !== null) handle(req, res);
    else wait(req, res, handle);
  };
}

/**
 * Express calls `Object.setPrototypeOf` on every request and response. V8 before 13 (Node 20 and 22) then treats both
 * as slow objects for the rest of their lives, which is three quarters of what Express costs there. Where the server
 * makes them with the right prototype in the first place, the call changes nothing: bare Express is 4 times as fast on
 * Node 20, and 1.1 times on Node 24 (docs/performance.md).
 *
 * Classes, because V8 then sizes the objects as it sizes Node's own; with a plain function in place of the class they
 * are a quarter slower.
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
