import { createServer, IncomingMessage, ServerResponse, type RequestListener, type Server } from 'node:http';
import type { Express } from 'express';
import type { Config } from '../config.ts';
import type { Logger } from '../runtime/logger.ts';
import { answerClientErrors } from './client-errors.ts';

type Limits = Pick<
  Config,
  'HEADERS_TIMEOUT_SECONDS' | 'RECEIVE_TIMEOUT_SECONDS' | 'KEEP_ALIVE_TIMEOUT_SECONDS'
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
      ...(settingPrototypesIsSlow() && bornAsExpress(app)),
      connectionsCheckingInterval: CONNECTIONS_CHECKING_INTERVAL_MS,
      headersTimeout: limits.HEADERS_TIMEOUT_SECONDS * 1000,
      requestTimeout: Math.max(limits.RECEIVE_TIMEOUT_SECONDS, limits.HEADERS_TIMEOUT_SECONDS) * 1000,
      keepAliveTimeout: limits.KEEP_ALIVE_TIMEOUT_SECONDS * 1000,
      // A missing Host header is answered by the app, as a problem with a log line.
      requireHostHeader: false,
    },
    app as RequestListener,
  );
  answerClientErrors(server, logger);
  // An expectation other than 100-continue may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  return server;
}

/**
 * Express calls `Object.setPrototypeOf` on every request and response. V8 before 13 (Node 20 and 22) then treats both
 * as slow objects for the rest of their lives, which is three quarters of what Express costs there. On Node 24 V8 has
 * mended it, and avoiding the call costs a little: docs/performance.md has the figures.
 */
function settingPrototypesIsSlow(): boolean {
  return Number(process.versions.v8.split('.', 1)[0]) < 13;
}

/** Constructors whose objects have Express's prototypes from birth, so that setting them again changes nothing. */
function bornAsExpress(app: Express) {
  function ExpressRequest(this: IncomingMessage, ...args: unknown[]) {
    Reflect.apply(IncomingMessage, this, args);
  }
  function ExpressResponse(this: ServerResponse, ...args: unknown[]) {
    Reflect.apply(ServerResponse, this, args);
  }
  ExpressRequest.prototype = app.request;
  ExpressResponse.prototype = app.response;
  return {
    IncomingMessage: ExpressRequest as unknown as typeof IncomingMessage,
    ServerResponse: ExpressResponse as unknown as typeof ServerResponse,
  };
}
