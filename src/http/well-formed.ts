import type { RequestHandler } from 'express';
import { HttpError } from './errors.ts';

/** Refuses what no honest client sends, before anything downstream has to cope with it. */
export function wellFormed(): RequestHandler {
  return (req, _res, next) => {
    if (req.url.includes('%')) assertPercentEncoding(req.url);
    if (req.headers.host === undefined && req.httpVersionMinor === 1) {
      throw new HttpError('BAD_REQUEST', { detail: 'The Host header is missing.' });
    }
    next();
  };
}

function assertPercentEncoding(url: string): void {
  try {
    decodeURIComponent(url);
  } catch (cause) {
    throw new HttpError('MALFORMED_URL', {
      detail: 'The URL has a % that starts no UTF-8 character.',
      cause,
    });
  }
}
