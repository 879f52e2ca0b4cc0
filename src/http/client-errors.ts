import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../runtime/logger.ts';
import { ERRORS, HttpError, type ErrorCode } from './errors.ts';

/** What Node's HTTP parser says, and what it means. Anything else is a 400. */
const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/**
 * Answers what never became a request (no HTTP, too many headers, too slow) as problem+json, with a log line, like
 * every other bad request. Node alone would answer with a bare status line and log nothing.
 */
export function answerClientErrors(server: Server, logger: Logger): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const code = PARSER_CODES[error.code ?? ''] ?? 'BAD_REQUEST';
    // A reset, or an answer that has begun: nobody to talk to.
    const answerable = socket.writable && error.code !== 'ECONNRESET' && !hasBegun(socket);
    if (!answerable) {
      socket.destroy();
      return;
    }
    refuse(socket, new HttpError(code), logger, error.code);
  });
  server.on('connect', (_request, socket) => {
    refuse(socket, new HttpError('METHOD_NOT_ALLOWED'), logger, 'CONNECT');
  });
}

/** Node keeps the response it is writing on the socket. */
function hasBegun(socket: Duplex): boolean {
  const { _httpMessage: response } = socket as { _httpMessage?: { headersSent: boolean } };
  return response?.headersSent ?? false;
}

function refuse(socket: Duplex, error: HttpError, logger: Logger, reason: string | undefined): void {
  const [status, title] = ERRORS[error.code];
  const reqId = randomUUID();
  const body = JSON.stringify({
    type: `urn:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    requestId: reqId,
    code: error.code,
  });
  const { remoteAddress: ip } = socket as { remoteAddress?: string };
  logger.warn({ reqId, status, code: error.code, reason, ip }, 'request refused');
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${reqId}`,
      'Cache-Control: no-store',
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  // A client that goes on sending must not keep the socket open after its answer.
  setTimeout(() => socket.destroy(), 1000).unref();
}
