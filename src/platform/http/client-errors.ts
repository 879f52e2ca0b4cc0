import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../observability/logger.ts';
import { redactUrl } from '../observability/redact.ts';
import { STATUS_CODES } from '../observability/node-http.ts';
import { readableAddress } from './client-address.ts';
import { HttpError, problemJson, type ErrorCode } from './errors.ts';

/** Error codes of Node's HTTP parser. All others are a 400. */
const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/** How long a rejected client may take to read the response, in milliseconds. */
const CLOSE_DELAY_MS = 1000;

/**
 * Responds to what never became a whole request (not HTTP, too many headers, too slow, a broken body) with problem+json
 * and a log line, as to every other bad request. Node alone would send a bare status line and log nothing.
 */
export function respondToClientErrors(
  server: Server,
  logger: Logger,
  responseOn: (socket: Duplex) => ServerResponse | undefined,
): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = responseOn(socket);
    // Nothing can be sent after a reset, or behind a part of another response.
    if (!socket.writable || error.code === 'ECONNRESET' || response?.headersSent) {
      socket.destroy();
    } else if (response?.req.complete) {
      // The request before the broken bytes is whole: it gets its response, and the connection closes.
      response.shouldKeepAlive = false;
    } else {
      const code = PARSER_CODES[error.code ?? ''] ?? 'BAD_REQUEST';
      if (response) sendProblem(response, code);
      else rejectConnection(socket, code, logger, error.code);
    }
  });
  server.on('connect', (_request, socket) => {
    // Node leaves this socket to us: an error without a listener would end the process.
    socket.on('error', () => socket.destroy()).resume();
    const before = responseOn(socket);
    if (before) {
      before.shouldKeepAlive = false;
      before.on('close', () => {
        closeSoon(socket);
      });
    } else {
      rejectConnection(socket, 'METHOD_NOT_ALLOWED', logger, 'CONNECT');
    }
  });
}

/** Responds to a request whose target cannot be read, in place of the app, with a line like the access log's. */
export function rejectTarget(req: IncomingMessage, res: ServerResponse, logger: Logger): void {
  const reqId = randomUUID();
  const { method, socket, url = '' } = req;
  const path = redactUrl(url);
  const { code, status } = new HttpError('MALFORMED_URL');
  logger.warn({ reqId, method, path, status, code, ip: readableAddress(socket.remoteAddress) }, 'request');
  res.setHeader('X-Request-Id', reqId);
  sendProblem(res, 'MALFORMED_URL');
}

/** A client that keeps sending, or does not close its side, must not keep the socket open after its response. */
export function closeSoon(socket: Duplex): void {
  setTimeout(() => socket.destroy(), CLOSE_DELAY_MS).unref();
}

/** The request has an id, and its own line in the access log. */
function sendProblem(response: ServerResponse, code: ErrorCode): void {
  const error = new HttpError(code);
  const body = problemJson(error, { requestId: response.getHeader('X-Request-Id') });
  response.problemCode = code;
  response.writeHead(error.status, headersFor(body)).end(body);
  closeSoon(response.req.socket);
}

/** Responds to a connection without a request for the app. */
export function rejectConnection(socket: Duplex, code: ErrorCode, logger: Logger, reason?: string) {
  const requestId = randomUUID();
  const error = new HttpError(code);
  const { status } = error;
  const ip = readableAddress((socket as { remoteAddress?: string }).remoteAddress);
  logger.warn({ reqId: requestId, status, code, reason, ip }, 'request rejected');
  const body = problemJson(error, { requestId });
  const headers = Object.entries({ ...headersFor(body), 'X-Request-Id': requestId });
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  closeSoon(socket);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n'));
}

function headersFor(body: string) {
  return {
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: 'close',
  };
}
