import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../observability/logger.ts';
import { readableAddress } from './client-address.ts';
import { HttpError, problemType, type ErrorCode } from './errors.ts';

/** What Node's HTTP parser says, and what it means. Anything else is a 400. */
const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/** How long a refused client may take to read why, in milliseconds. */
const FAREWELL_MS = 1000;

/**
 * Answers what never became a whole request (no HTTP, too many headers, too slow, a broken body) as problem+json, with
 * a log line, like every other bad request. Node alone would answer with a bare status line and log nothing.
 */
export function respondToClientErrors(server: Server, logger: Logger): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = responseOn(socket);
    // A reset, or half an answer is out: nobody to talk to.
    if (!socket.writable || error.code === 'ECONNRESET' || response?.headersSent) {
      socket.destroy();
      return;
    }
    if (response?.req.complete) {
      // What came before the nonsense is a request like any other. It gets its answer, and nothing after it.
      response.shouldKeepAlive = false;
      return;
    }
    const code = PARSER_CODES[error.code ?? ''] ?? 'BAD_REQUEST';
    if (response) refuseRequest(response, code);
    else refuseConnection(socket, code, logger, error.code);
    takeLeave(socket);
  });
  server.on('connect', (_request, socket) => {
    // Node has left it to us: nobody else listens to its errors, which would end the process, or reads what else it sends.
    socket.on('error', () => socket.destroy()).resume();
    const before = responseOn(socket);
    if (before) {
      // A request that came before it gets its answer, and nothing after it.
      before.shouldKeepAlive = false;
      before.on('close', () => {
        takeLeave(socket);
      });
      return;
    }
    refuseConnection(socket, 'METHOD_NOT_ALLOWED', logger, 'CONNECT');
    takeLeave(socket);
  });
}

/** Answers a request whose target nobody can read, in place of the app, with a line like the access log's. */
export function refuseTarget(req: IncomingMessage, res: ServerResponse, logger: Logger): void {
  const code = 'MALFORMED_URL';
  const reqId = randomUUID();
  const { method, socket, url = '' } = req;
  const [path = ''] = url.split('?', 1);
  const ip = readableAddress(socket.remoteAddress);
  const { status } = new HttpError(code);
  // What stands before the host may be a password.
  logger.warn({ reqId, method, path: path.replace(/\/\/[^/]*@/, '//'), status, code, ip }, 'request');
  res.setHeader('X-Request-Id', reqId);
  refuseRequest(res, code);
}

/** A client that goes on sending, or does not close its side, must not keep the socket open after its answer. */
function takeLeave(socket: Duplex): void {
  setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
}

/** The response that was being prepared on the socket: Node keeps it there. */
function responseOn(socket: Duplex): ServerResponse | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** The headers were fine, so the request has an id, and its own line in the access log. */
function refuseRequest(response: ServerResponse, code: ErrorCode): void {
  const body = problem(code, String(response.getHeader('X-Request-Id')));
  response.problemCode = code;
  response.writeHead(new HttpError(code).status, headersFor(body)).end(body);
}

function refuseConnection(socket: Duplex, code: ErrorCode, logger: Logger, reason: string | undefined): void {
  const reqId = randomUUID();
  const body = problem(code, reqId);
  const { status } = new HttpError(code);
  const ip = readableAddress((socket as { remoteAddress?: string }).remoteAddress);
  logger.warn({ reqId, status, code, reason, ip }, 'request refused');
  const headers = Object.entries({ ...headersFor(body), 'X-Request-Id': reqId });
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
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

function problem(code: ErrorCode, requestId: string): string {
  const { status, title } = new HttpError(code);
  return JSON.stringify({ type: problemType(code), title, status, requestId, code });
}
