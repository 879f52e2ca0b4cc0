import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import type { Bindings, ChildLoggerOptions } from 'pino';
import { pinoHttp } from 'pino-http';
import type { Logger } from '../../observability/logger.ts';
import { redactUrl } from '../../observability/redact.ts';
import { fromTrustedProxy } from '../../tracing/trace.ts';
import { readableAddress } from '../client-address.ts';

declare module 'http' {
  interface IncomingMessage {
    /** `performance.now()` when the request came in. */
    startedAt: number;
    /** How many bytes the connection had sent before this request. */
    bytesBefore: number;
  }
}

export interface AccessLogOptions {
  /** Paths whose requests are logged only if they fail. Default: the probes', which come every few seconds. */
  readonly quietPaths?: readonly string[];
  /** More fields for each request's line. It is called after the response. */
  readonly fields?: (req: Request, res: Response) => Readonly<Record<string, unknown>>;
}

/** Strict, because it goes into logs and headers of other systems. */
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/**
 * One line per request: id, method, path, status, milliseconds, bytes (headers included) and ip; the error's code with a
 * 4xx, the error with its stack with a 5xx. Gives the request its id and `req.log`.
 */
export function accessLog(
  logger: Logger,
  { quietPaths = ['/livez', '/readyz'], fields: own }: AccessLogOptions = {},
): RequestHandler {
  const quiet = new Set(quietPaths);
  const message = () => 'request';
  const line = (req: Request, res: Response) => {
    const all = own ? { ...fields(req, res), ...own(req, res) } : fields(req, res);
    // Without res.err, the error that pino-http hands over has no more than the status.
    return res.err ? { ...all, err: res.err } : all;
  };
  const log = pinoHttp<Request, Response>({
    logger: withRequestLoggers(logger),
    genReqId: requestId,
    customAttributeKeys: { req: REQUEST },
    wrapSerializers: false,
    customLogLevel: (req, res) => levelOf(req, res, quiet),
    customSuccessMessage: message,
    customErrorMessage: message,
    customSuccessObject: line,
    customErrorObject: line,
  });
  return (req, res, next) => {
    req.startedAt = performance.now();
    req.bytesBefore = req.socket.bytesWritten;
    rememberAddress(req);
    log(req, res);
    res.log = req.log;
    next();
  };
}

/** The name under which pino-http gives a request's logger the request. */
const REQUEST = 'wholeRequest';

/**
 * pino-http gives a request's logger the whole request, which would be searched for secrets: a third of what a
 * request costs. With this one as its parent it gets the request's ids alone.
 */
function withRequestLoggers(logger: Logger): Logger {
  const child = function (this: Logger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
    const { id, trace } = (bindings[REQUEST] ?? {}) as Partial<Request>;
    const ids = id === undefined ? bindings : { reqId: id, traceId: trace?.traceId, spanId: trace?.spanId };
    // eslint-disable-next-line @typescript-eslint/unbound-method -- bound to this very logger by Reflect.apply
    return Reflect.apply(logger.child, this, options ? [ids, options] : [ids]) as Logger;
  };
  return Object.create(logger, { child: { value: child } }) as Logger;
}

/** Node has the address of a closed connection only if it was read before. */
function rememberAddress({ socket }: Request): string | undefined {
  return socket.remoteAddress;
}

/** The id that a trusted proxy gave the request, if it has the right form, else a new one. Also in the response. */
function requestId(req: Request, response: ServerResponse): string {
  const given = req.headers['x-request-id'];
  const isGiven = typeof given === 'string' && REQUEST_ID.test(given) && fromTrustedProxy(req);
  const id = isGiven ? given : randomUUID();
  response.setHeader('X-Request-Id', id);
  return id;
}

function levelOf(req: Request, res: Response, quiet: ReadonlySet<string>) {
  // Also where the response failed half way: its status is the one it began with.
  if (res.err) return 'error';
  // A rejected request (overload, a probe of a process that drains) is not an error.
  if (res.statusCode >= 500 && res.statusCode !== 503) return 'error';
  if (res.statusCode >= 400 || !res.writableEnded) return 'warn';
  return quiet.has(req.originalUrl) ? 'silent' : 'info';
}

function fields(req: Request, res: Response) {
  const url = redactUrl(req.originalUrl);
  const end = url.indexOf('?');
  return {
    method: req.method,
    path: end === -1 ? url : url.slice(0, end),
    query: end === -1 ? undefined : url.slice(end + 1),
    status: res.statusCode,
    ms: Math.round((performance.now() - req.startedAt) * 1000) / 1000,
    bytes: req.socket.bytesWritten - req.bytesBefore,
    ip: readableAddress(req.ip),
    code: res.problemCode,
    // The client left before the response was complete.
    aborted: res.writableEnded ? undefined : true,
  };
}
