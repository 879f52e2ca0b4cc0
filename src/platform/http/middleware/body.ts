import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { HttpError } from '../errors.ts';
import { guard } from '../guard.ts';

/**
 * Reads a JSON body into `req.body`. Another content type is 415, broken JSON 400, too much of it 413: the limit
 * counts after decompression, so a gzip bomb is rejected at the limit.
 *
 * @param options.limitKb - the largest body, in KiB.
 */
export function jsonBody({ limitKb }: { limitKb: number }): RequestHandler {
  const limit = limitKb * 1024;
  const parse = express.json({ limit });
  loadDecoders(parse);
  const read: RequestHandler = (req, res, next) => {
    if (hasBody(req.headers) && !req.is('application/json')) {
      throw new HttpError('UNSUPPORTED_MEDIA_TYPE', {
        detail: 'Send the body as application/json.',
        headers: { Accept: 'application/json' },
      });
    }
    // The parser would read all of it before it fails.
    if (Number(req.headers['content-length']) > limit) throw new HttpError('BODY_TOO_LARGE');
    parse(req, res, next);
  };
  return guard(read, ['BAD_REQUEST', 'MALFORMED_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE']);
}

/** Whether a request has a body, which may be empty. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** body-parser loads its tables of encodings, some forty files, with its first body: at the start, then. */
function loadDecoders(parse: RequestHandler): void {
  const headers = { 'content-type': 'application/json', 'content-length': '2' };
  const request = Object.assign(Readable.from([Buffer.from('{}')]), { headers, method: 'POST' });
  parse(request as unknown as Request, {} as Response, () => undefined);
}
